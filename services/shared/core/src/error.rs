//! What can go wrong, as a closed set.
//!
//! A [`Reason`] is stable and travels between services as `google.rpc.ErrorInfo`; its [`Code`] fixes
//! the gRPC status. Dialects map reasons to their vendor's shape by one exhaustive match.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The domain under which our reasons travel.
const DOMAIN: &str = "parlance";

/// The kind of failure; each is one gRPC status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidArgument,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    ResourceExhausted,
    Unavailable,
    DeadlineExceeded,
    OutOfRange,
    Internal,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $code:ident;)*) => {
        /// Why a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in order.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The stable name that travels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }

            pub const fn code(self) -> Code {
                match self { $(Reason::$name => Code::$code,)* }
            }
        }
    };
}

reasons! {
    /// A field is missing, malformed or out of its range.
    InvalidArgument = "INVALID_ARGUMENT" => InvalidArgument;
    MessageEmpty = "MESSAGE_EMPTY" => InvalidArgument;
    MessageTooLong = "MESSAGE_TOO_LONG" => InvalidArgument;
    TooManyAttachments = "TOO_MANY_ATTACHMENTS" => InvalidArgument;
    TooManyReactions = "TOO_MANY_REACTIONS" => InvalidArgument;
    TooManyPins = "TOO_MANY_PINS" => InvalidArgument;
    TooManyMembers = "TOO_MANY_MEMBERS" => InvalidArgument;
    CustomTooLarge = "CUSTOM_TOO_LARGE" => InvalidArgument;
    /// A message named as a cursor does not exist in this channel.
    CursorUnknown = "CURSOR_UNKNOWN" => InvalidArgument;
    ChannelTypeUnknown = "CHANNEL_TYPE_UNKNOWN" => InvalidArgument;
    /// A direct channel needs exactly one other user.
    DirectNeedsOneOther = "DIRECT_NEEDS_ONE_OTHER" => InvalidArgument;
    LastOwner = "LAST_OWNER" => InvalidArgument;

    CredentialsMissing = "CREDENTIALS_MISSING" => Unauthenticated;
    ApiKeyInvalid = "API_KEY_INVALID" => Unauthenticated;
    TokenInvalid = "TOKEN_INVALID" => Unauthenticated;
    TokenExpired = "TOKEN_EXPIRED" => Unauthenticated;
    TokenRevoked = "TOKEN_REVOKED" => Unauthenticated;
    /// Between services: the service secret is not one that the other side knows.
    SecretUnknown = "SECRET_UNKNOWN" => Unauthenticated;

    /// Not for this caller, whatever the object.
    NotAllowed = "NOT_ALLOWED" => PermissionDenied;
    UserRequired = "USER_REQUIRED" => PermissionDenied;
    NotAMember = "NOT_A_MEMBER" => PermissionDenied;
    RoleTooLow = "ROLE_TOO_LOW" => PermissionDenied;
    NotTheAuthor = "NOT_THE_AUTHOR" => PermissionDenied;
    DeleteWindowPassed = "DELETE_WINDOW_PASSED" => PermissionDenied;
    ChannelFrozen = "CHANNEL_FROZEN" => PermissionDenied;
    FeatureDisabled = "FEATURE_DISABLED" => PermissionDenied;
    /// Members of a direct channel are fixed.
    DirectIsFixed = "DIRECT_IS_FIXED" => PermissionDenied;
    /// One of the two users of a direct channel has blocked the other.
    UserBlocked = "USER_BLOCKED" => PermissionDenied;
    /// Somebody who is no member of the workspace, where a member is needed.
    NotInWorkspace = "NOT_IN_WORKSPACE" => PermissionDenied;
    /// The workspace is over: it takes in nobody and no channel.
    WorkspaceExpired = "WORKSPACE_EXPIRED" => PermissionDenied;
    /// The invite is bound to another e-mail address.
    InviteForAnother = "INVITE_FOR_ANOTHER" => PermissionDenied;

    AppNotFound = "APP_NOT_FOUND" => NotFound;
    UserNotFound = "USER_NOT_FOUND" => NotFound;
    ChannelNotFound = "CHANNEL_NOT_FOUND" => NotFound;
    MemberNotFound = "MEMBER_NOT_FOUND" => NotFound;
    MessageNotFound = "MESSAGE_NOT_FOUND" => NotFound;
    ParentNotFound = "PARENT_NOT_FOUND" => NotFound;
    /// The app has not set up this push service.
    ProviderNotFound = "PROVIDER_NOT_FOUND" => NotFound;
    WorkspaceNotFound = "WORKSPACE_NOT_FOUND" => NotFound;
    InviteNotFound = "INVITE_NOT_FOUND" => NotFound;

    AlreadyExists = "ALREADY_EXISTS" => AlreadyExists;
    WorkspaceNameTaken = "WORKSPACE_NAME_TAKEN" => AlreadyExists;
    NotEmpty = "NOT_EMPTY" => FailedPrecondition;
    InviteExpired = "INVITE_EXPIRED" => FailedPrecondition;
    InviteUsedUp = "INVITE_USED_UP" => FailedPrecondition;
    RateLimited = "RATE_LIMITED" => ResourceExhausted;
    Overloaded = "OVERLOADED" => Unavailable;
    Unavailable = "UNAVAILABLE" => Unavailable;
    /// Changes at the same time stood in each other's way: nothing was written, a repeat may succeed.
    Contended = "CONTENDED" => Unavailable;
    /// The store cannot take more: disk full or read-only.
    StorageFull = "STORAGE_FULL" => Unavailable;
    DeadlinePassed = "DEADLINE_PASSED" => DeadlineExceeded;
    /// A stream position that the log no longer holds.
    PositionLost = "POSITION_LOST" => OutOfRange;
    Internal = "INTERNAL" => Internal;
}

impl Reason {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal or failure: the stable reason, a sentence for people, and what helps to repair it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Error {
    pub reason: Reason,
    /// A sentence for people; holds no secrets and no message text.
    pub message: String,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// When a repeat may succeed.
    pub retry_after: Option<Duration>,
}

impl Error {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), field: None, retry_after: None }
    }

    /// `field` is wrong; the message reads "`field` …".
    pub fn invalid(field: &str, what: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Reason::InvalidArgument, format!("{field} {what}"))
        }
    }

    /// Something of ours broke. The cause is logged here, once, and not told to the caller.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Reason::Internal, "internal error")
    }

    /// A dependency is away for now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(Reason::Unavailable, message) }
    }

    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub fn code(&self) -> Code {
        self.reason.code()
    }
}

impl From<Code> for tonic::Code {
    fn from(code: Code) -> Self {
        match code {
            Code::InvalidArgument => tonic::Code::InvalidArgument,
            Code::Unauthenticated => tonic::Code::Unauthenticated,
            Code::PermissionDenied => tonic::Code::PermissionDenied,
            Code::NotFound => tonic::Code::NotFound,
            Code::AlreadyExists => tonic::Code::AlreadyExists,
            Code::FailedPrecondition => tonic::Code::FailedPrecondition,
            Code::ResourceExhausted => tonic::Code::ResourceExhausted,
            Code::Unavailable => tonic::Code::Unavailable,
            Code::DeadlineExceeded => tonic::Code::DeadlineExceeded,
            Code::OutOfRange => tonic::Code::OutOfRange,
            Code::Internal => tonic::Code::Internal,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details =
            ErrorDetails::with_error_info(error.reason.as_str(), DOMAIN, HashMap::<String, String>::new());
        if let Some(field) = &error.field {
            details.add_bad_request_violation(field, &error.message);
        }
        if let Some(after) = error.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(error.code().into(), error.message, details)
    }
}

impl From<Status> for Error {
    /// Reads a reason back; a status without one (from a proxy, from tonic itself) becomes the
    /// nearest general reason.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let reason = details
            .error_info()
            .filter(|info| info.domain == DOMAIN)
            .and_then(|info| Reason::parse(&info.reason))
            .unwrap_or(match status.code() {
                tonic::Code::InvalidArgument => Reason::InvalidArgument,
                tonic::Code::Unauthenticated => Reason::TokenInvalid,
                tonic::Code::PermissionDenied => Reason::NotAllowed,
                tonic::Code::AlreadyExists => Reason::AlreadyExists,
                tonic::Code::ResourceExhausted => Reason::Overloaded,
                tonic::Code::Unavailable => Reason::Unavailable,
                tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Reason::DeadlinePassed,
                _ => Reason::Internal,
            });
        Self {
            reason,
            message: status.message().to_owned(),
            field: details
                .bad_request()
                .and_then(|bad| bad.field_violations.first())
                .map(|violation| violation.field.clone()),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_wire() {
        for &reason in Reason::ALL {
            let mut error = Error::new(reason, "text");
            error.field = Some("name".into());
            error.retry_after = Some(Duration::from_secs(3));
            let back = Error::from(Status::from(error.clone()));
            assert_eq!(back.reason, reason);
            assert_eq!(back.message, "text");
            assert_eq!(back.field.as_deref(), Some("name"));
            assert_eq!(back.retry_after, Some(Duration::from_secs(3)));
        }
    }

    #[test]
    fn a_foreign_status_becomes_a_general_reason() {
        let error = Error::from(Status::unavailable("gone"));
        assert_eq!(error.reason, Reason::Unavailable);
    }
}
