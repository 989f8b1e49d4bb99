//! What a user wants to be told, and when.

use std::str::FromStr as _;

use chrono::{DateTime, Timelike as _, Utc};
use chrono_tz::Tz;
use parlance_core::{Error, Micros, Result};
use parlance_proto::notification::UpdatePreferencesRequest;

use super::event::Kind;

const DAY_MINUTES: i32 = 24 * 60;

/// A user's preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    pub push_enabled: bool,
    pub new_messages: bool,
    pub mentions: bool,
    pub reactions: bool,
    pub channel_invites: bool,
    pub thread_replies: bool,
    pub quiet_hours_enabled: bool,
    /// Minutes after midnight.
    pub quiet_start: i32,
    pub quiet_end: i32,
    /// Name in the IANA database.
    pub timezone: String,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            push_enabled: true,
            new_messages: true,
            mentions: true,
            reactions: false,
            channel_invites: true,
            thread_replies: true,
            quiet_hours_enabled: false,
            quiet_start: 22 * 60,
            quiet_end: 7 * 60,
            timezone: "UTC".to_owned(),
        }
    }
}

impl Preferences {
    /// Takes over the fields that are given. INVALID_ARGUMENT names the first wrong one.
    pub fn merge(&mut self, change: &UpdatePreferencesRequest) -> Result<()> {
        let quiet_start =
            change.quiet_hours_start.as_deref().map(|text| minutes("quiet_hours_start", text)).transpose()?;
        let quiet_end =
            change.quiet_hours_end.as_deref().map(|text| minutes("quiet_hours_end", text)).transpose()?;
        if let Some(zone) = &change.timezone {
            Tz::from_str(zone)
                .map_err(|_| Error::invalid("timezone", "must be a name like Europe/Berlin"))?;
            self.timezone.clone_from(zone);
        }
        for (mine, given) in [
            (&mut self.push_enabled, change.push_enabled),
            (&mut self.new_messages, change.new_messages),
            (&mut self.mentions, change.mentions),
            (&mut self.reactions, change.reactions),
            (&mut self.channel_invites, change.channel_invites),
            (&mut self.thread_replies, change.thread_replies),
            (&mut self.quiet_hours_enabled, change.quiet_hours_enabled),
        ] {
            *mine = given.unwrap_or(*mine);
        }
        self.quiet_start = quiet_start.unwrap_or(self.quiet_start);
        self.quiet_end = quiet_end.unwrap_or(self.quiet_end);
        Ok(())
    }

    /// Whether the user wants to be told of this kind at all.
    pub fn wants(&self, kind: Kind) -> bool {
        self.push_enabled
            && match kind {
                Kind::Message => self.new_messages,
                Kind::Mention => self.mentions,
                Kind::Reaction => self.reactions,
                Kind::Invite => self.channel_invites,
                Kind::ThreadReply => self.thread_replies,
                Kind::Test => true,
            }
    }

    /// Whether the user's clock stands within his quiet hours. The start belongs to them, the end does not;
    /// a span that ends before it starts goes over midnight; one that ends where it starts is empty.
    pub fn is_quiet(&self, now: Micros) -> bool {
        if !self.quiet_hours_enabled {
            return false;
        }
        let zone = Tz::from_str(&self.timezone).unwrap_or(Tz::UTC);
        let Some(utc) = DateTime::<Utc>::from_timestamp_micros(now.0) else { return false };
        let local = utc.with_timezone(&zone);
        let minute = (local.hour() * 60 + local.minute()) as i32;
        if self.quiet_start <= self.quiet_end {
            (self.quiet_start..self.quiet_end).contains(&minute)
        } else {
            minute >= self.quiet_start || minute < self.quiet_end
        }
    }
}

/// Minutes after midnight of `HH:MM`.
fn minutes(field: &str, text: &str) -> Result<i32> {
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<i32>().ok())
            .flatten()
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)))
        .filter(|(hours, minutes)| *hours < 24 && *minutes < 60)
        .map(|(hours, minutes)| hours * 60 + minutes)
        .ok_or_else(|| Error::invalid(field, "must be a time like 22:00"))
}

/// `HH:MM` of minutes after midnight.
pub fn clock_text(minutes: i32) -> String {
    let minutes = minutes.rem_euclid(DAY_MINUTES);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        Micros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    fn quiet(start: &str, end: &str, zone: &str) -> Preferences {
        let mut preferences = Preferences::default();
        let change = UpdatePreferencesRequest {
            quiet_hours_enabled: Some(true),
            quiet_hours_start: Some(start.into()),
            quiet_hours_end: Some(end.into()),
            timezone: Some(zone.into()),
            ..Default::default()
        };
        preferences.merge(&change).unwrap();
        preferences
    }

    #[test]
    fn quiet_hours_follow_the_wall_clock_of_the_zone_over_midnight_and_through_daylight_saving() {
        let table = [
            // The same instant of UTC in summer (+2) and winter (+1).
            ("22:00", "07:00", "Europe/Berlin", "2026-07-01T20:00:00Z", true),
            ("22:00", "07:00", "Europe/Berlin", "2026-01-01T20:00:00Z", false),
            ("22:00", "07:00", "Europe/Berlin", "2026-01-01T21:00:00Z", true),
            ("22:00", "07:00", "Europe/Berlin", "2026-07-01T05:00:00Z", false),
            ("22:00", "07:00", "Europe/Berlin", "2026-01-01T05:59:59Z", true),
            ("22:00", "07:00", "Europe/Berlin", "2026-01-01T06:00:00Z", false),
            // The night in which 02:00 becomes 03:00: quiet at 01:59 and at 03:00, an hour's span of nothing.
            ("02:00", "03:00", "Europe/Berlin", "2026-03-29T00:59:59Z", false),
            ("02:00", "03:00", "Europe/Berlin", "2026-03-29T01:00:00Z", false),
            // The night in which the hour from 02:00 comes twice.
            ("02:00", "03:00", "Europe/Berlin", "2026-10-25T00:30:00Z", true),
            ("02:00", "03:00", "Europe/Berlin", "2026-10-25T01:30:00Z", true),
            ("02:00", "03:00", "Europe/Berlin", "2026-10-25T02:00:00Z", false),
            // Within a day; half-hour zones.
            ("12:00", "13:30", "Asia/Kolkata", "2026-05-01T06:30:00Z", true),
            ("12:00", "13:30", "Asia/Kolkata", "2026-05-01T08:00:00Z", false),
            ("08:00", "08:00", "UTC", "2026-05-01T08:00:00Z", false),
        ];
        for (start, end, zone, now, expected) in table {
            assert_eq!(quiet(start, end, zone).is_quiet(at(now)), expected, "{start}-{end} {zone} {now}");
        }
        let off = Preferences { quiet_hours_enabled: false, ..quiet("00:00", "23:59", "UTC") };
        assert!(!off.is_quiet(at("2026-05-01T08:00:00Z")));
    }

    #[test]
    fn only_given_fields_change_and_wrong_ones_change_nothing() {
        let mut preferences = Preferences::default();
        let change = UpdatePreferencesRequest { mentions: Some(false), ..Default::default() };
        preferences.merge(&change).unwrap();
        assert_eq!(preferences, Preferences { mentions: false, ..Preferences::default() });
        for wrong in ["7:00", "24:00", "07:60", "0700", "07:0", "+7:00", "", "07:00:00", "٠٧:00"] {
            let change =
                UpdatePreferencesRequest { quiet_hours_end: Some(wrong.into()), ..Default::default() };
            assert!(preferences.merge(&change).is_err(), "{wrong}");
        }
        for wrong in ["Mars/Base", "", "+02:00"] {
            let change = UpdatePreferencesRequest { timezone: Some(wrong.into()), ..Default::default() };
            assert!(preferences.merge(&change).is_err(), "{wrong}");
        }
        assert_eq!(preferences, Preferences { mentions: false, ..Preferences::default() });
        assert_eq!((clock_text(1320), clock_text(7 * 60 + 5)), ("22:00".into(), "07:05".into()));
    }
}
