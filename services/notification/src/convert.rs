//! Protobuf to what is stored, and back.

use parlance_core::{Error, Micros, Result, id};
use parlance_proto::notification::{DeadLetter, Device, Preferences, Provider, ProviderKind};

use crate::domain::preferences::{self, clock_text};
use crate::providers::Kind;
use crate::store::deliveries::Delivery;
use crate::store::devices;
use crate::store::providers::ProviderRow;

pub fn device(row: &devices::Device) -> Device {
    Device {
        id: id::text_of(row.num),
        platform: row.platform.clone(),
        provider: i32::from(row.provider),
        device_id: row.device_id.clone(),
        app_version: row.app_version.clone(),
        created_at: Some(Micros(row.created_at).timestamp()),
        updated_at: Some(Micros(row.updated_at).timestamp()),
    }
}

pub fn preferences(of: &preferences::Preferences) -> Preferences {
    Preferences {
        push_enabled: of.push_enabled,
        new_messages: of.new_messages,
        mentions: of.mentions,
        reactions: of.reactions,
        channel_invites: of.channel_invites,
        thread_replies: of.thread_replies,
        quiet_hours_enabled: of.quiet_hours_enabled,
        quiet_hours_start: clock_text(of.quiet_start),
        quiet_hours_end: clock_text(of.quiet_end),
        timezone: of.timezone.clone(),
    }
}

/// Without its secrets.
pub fn provider(row: &ProviderRow) -> Provider {
    Provider {
        kind: i32::from(row.kind),
        settings: row.settings.clone(),
        enabled: row.enabled,
        updated_at: Some(row.updated_at().timestamp()),
    }
}

pub fn dead_letter(row: &Delivery) -> DeadLetter {
    DeadLetter {
        id: row.id.to_string(),
        provider: i32::from(row.provider),
        user_num: row.user_num,
        event: row.event.clone(),
        channel_num: row.channel_num,
        message_num: row.message_num,
        attempts: row.attempts.max(0) as u32,
        error: row.error.clone(),
        created_at: Some(Micros(row.created_at).timestamp()),
        died_at: row.died_at.map(|at| Micros(at).timestamp()),
    }
}

/// A kind of push service out of a request.
pub fn kind(number: i32) -> Result<ProviderKind> {
    match ProviderKind::try_from(number) {
        Ok(ProviderKind::Unspecified) | Err(_) => {
            Err(Error::invalid("kind", "must be fcm, apns, expo, web_push or novu"))
        }
        Ok(kind) => Ok(kind),
    }
}

/// A kind as push services are built by; INVALID_ARGUMENT for none.
pub fn provider_kind(kind: ProviderKind) -> Result<Kind> {
    match kind {
        ProviderKind::Fcm => Ok(Kind::Fcm),
        ProviderKind::Apns => Ok(Kind::Apns),
        ProviderKind::Expo => Ok(Kind::Expo),
        ProviderKind::WebPush => Ok(Kind::WebPush),
        ProviderKind::Novu => Ok(Kind::Novu),
        ProviderKind::Unspecified => Err(Error::invalid("kind", "must be fcm, apns, expo, web_push or novu")),
    }
}

/// The name of a kind in metrics and for Novu.
pub fn kind_name(kind: ProviderKind) -> &'static str {
    provider_kind(kind).map_or("none", Kind::as_str)
}

/// A kind out of a table.
pub fn stored_kind(number: i16) -> ProviderKind {
    ProviderKind::try_from(i32::from(number)).unwrap_or_default()
}
