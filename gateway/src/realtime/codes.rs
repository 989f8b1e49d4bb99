//! The protocol's three families of codes. Clients act on the number; the text is for people.

use super::protocol::{ErrorReply, Unsubscribe};

/// Error of a reply. Temporary ones are retried by the client, others are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    Internal,
    UnknownChannel,
    PermissionDenied,
    AlreadySubscribed,
    LimitExceeded,
    BadRequest,
    NotAvailable,
    TokenExpired,
    TooManyRequests,
    UnrecoverablePosition,
}

impl ErrorCode {
    const fn parts(self) -> (u32, &'static str, bool) {
        match self {
            Self::Internal => (100, "internal server error", true),
            Self::UnknownChannel => (102, "unknown channel", false),
            Self::PermissionDenied => (103, "permission denied", false),
            Self::AlreadySubscribed => (105, "already subscribed", false),
            Self::LimitExceeded => (106, "limit exceeded", false),
            Self::BadRequest => (107, "bad request", false),
            Self::NotAvailable => (108, "not available", false),
            Self::TokenExpired => (109, "token expired", false),
            Self::TooManyRequests => (111, "too many requests", true),
            Self::UnrecoverablePosition => (112, "unrecoverable position", false),
        }
    }
}

impl From<ErrorCode> for ErrorReply {
    fn from(code: ErrorCode) -> Self {
        let (code, message, temporary) = code.parts();
        Self { code, message: message.to_owned(), temporary }
    }
}

/// Why the server ends a subscription. Codes below 2500 are final, others make the client subscribe again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsubscribeCode {
    /// The right to it is gone.
    Server,
    /// The position cannot be kept.
    Insufficient,
    /// The subscription token has expired.
    Expired,
}

impl UnsubscribeCode {
    const fn parts(self) -> (u32, &'static str) {
        match self {
            Self::Server => (2000, "server unsubscribe"),
            Self::Insufficient => (2500, "insufficient state"),
            Self::Expired => (2501, "subscription expired"),
        }
    }
}

impl From<UnsubscribeCode> for Unsubscribe {
    fn from(code: UnsubscribeCode) -> Self {
        let (code, reason) = code.parts();
        Self { code, reason: reason.to_owned() }
    }
}

/// Why the server closes a connection. 3000-3499 make the client reconnect, 3500-3999 are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    Shutdown,
    InternalServerError,
    ConnectionExpired,
    Slow,
    WriteError,
    InsufficientState,
    NoPong,
    InvalidToken,
    BadRequest,
    Stale,
    ForceDisconnect,
    ConnectionLimit,
    NotAvailable,
}

impl CloseCode {
    pub const ALL: &'static [CloseCode] = &[
        Self::Shutdown,
        Self::InternalServerError,
        Self::ConnectionExpired,
        Self::Slow,
        Self::WriteError,
        Self::InsufficientState,
        Self::NoPong,
        Self::InvalidToken,
        Self::BadRequest,
        Self::Stale,
        Self::ForceDisconnect,
        Self::ConnectionLimit,
        Self::NotAvailable,
    ];

    /// The code of the WebSocket close frame.
    pub const fn number(self) -> u16 {
        self.parts().0
    }

    /// Never empty (a client would reconnect for ever after 3500), never valid JSON (a client would
    /// read advice from it), shorter than 124 bytes (a close frame holds no more).
    pub const fn reason(self) -> &'static str {
        self.parts().1
    }

    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Shutdown => (3001, "shutdown"),
            Self::InternalServerError => (3004, "internal server error"),
            Self::ConnectionExpired => (3005, "connection expired"),
            Self::Slow => (3008, "slow"),
            Self::WriteError => (3009, "write error"),
            Self::InsufficientState => (3010, "insufficient state"),
            Self::NoPong => (3012, "no pong"),
            Self::InvalidToken => (3500, "invalid token"),
            Self::BadRequest => (3501, "bad request"),
            Self::Stale => (3502, "stale"),
            Self::ForceDisconnect => (3503, "force disconnect"),
            Self::ConnectionLimit => (3504, "connection limit"),
            Self::NotAvailable => (3508, "not available"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_reasons_avoid_the_traps() {
        for code in CloseCode::ALL {
            let reason = code.reason();
            assert!(!reason.is_empty() && reason.len() < 124, "{code:?}");
            assert!(serde_json::from_str::<serde_json::Value>(reason).is_err(), "{code:?} is JSON advice");
            assert!((3000..4000).contains(&code.number()), "{code:?} must not look like a transport close");
        }
    }

    #[test]
    fn codes_are_those_of_the_contract() {
        let finals: Vec<u16> =
            CloseCode::ALL.iter().map(|code| code.number()).filter(|&code| code >= 3500).collect();
        assert_eq!(finals, [3500, 3501, 3502, 3503, 3504, 3508]);
        let errors = [
            (ErrorCode::Internal, 100, true),
            (ErrorCode::UnknownChannel, 102, false),
            (ErrorCode::PermissionDenied, 103, false),
            (ErrorCode::AlreadySubscribed, 105, false),
            (ErrorCode::LimitExceeded, 106, false),
            (ErrorCode::BadRequest, 107, false),
            (ErrorCode::NotAvailable, 108, false),
            (ErrorCode::TokenExpired, 109, false),
            (ErrorCode::TooManyRequests, 111, true),
            (ErrorCode::UnrecoverablePosition, 112, false),
        ];
        for (code, number, temporary) in errors {
            let reply = ErrorReply::from(code);
            assert_eq!((reply.code, reply.temporary), (number, temporary));
            assert!(!reply.message.is_empty());
        }
        let pushes = [
            (UnsubscribeCode::Server, 2000),
            (UnsubscribeCode::Insufficient, 2500),
            (UnsubscribeCode::Expired, 2501),
        ];
        for (code, number) in pushes {
            assert_eq!(Unsubscribe::from(code).code, number);
        }
    }
}
