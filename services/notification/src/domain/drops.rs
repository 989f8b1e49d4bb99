//! Why somebody was not told.

macro_rules! drops {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The reason of a drop: a closed set, for metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Drop { $($(#[$doc])* $name,)* }

        impl Drop {
            pub fn as_str(self) -> &'static str {
                match self { $(Drop::$name => $text,)* }
            }
        }
    };
}

drops! {
    /// He did it himself.
    Own = "own";
    /// It is older than what is pushed.
    TooOld = "too_old";
    /// The channel has too many members for each message to be pushed.
    ChannelTooLarge = "channel_too_large";
    /// Nowhere to send it.
    NoDevice = "no_device";
    /// The app has no push service for this device, or has switched it off.
    ProviderMissing = "provider_missing";
    /// He does not want this kind, or nothing at all.
    Preference = "preference";
    /// It is his quiet hours.
    Quiet = "quiet";
    /// He has a realtime connection open.
    Online = "online";
    /// He is no member of the channel any more, or the channel is gone.
    NotMember = "not_member";
    /// He has muted the channel.
    Muted = "muted";
    /// He and the one who did it have a block between them.
    Blocked = "blocked";
    /// He has read it.
    Read = "read";
    /// The message is gone.
    Deleted = "deleted";
    /// His account is gone.
    UserDeleted = "user_deleted";
    /// Another notification of the same channel speaks for it.
    Collapsed = "collapsed";
}

impl Drop {
    /// Counts it.
    pub fn count(self, times: u64) {
        if times > 0 {
            metrics::counter!("parlance_notification_drops_total", "reason" => self.as_str())
                .increment(times);
        }
    }
}
