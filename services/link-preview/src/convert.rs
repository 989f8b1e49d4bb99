//! Rules and previews to protobuf and back.

use parlance_core::Result;
use parlance_proto::link_preview::resolve_response::Outcome as Told;
use parlance_proto::link_preview::{LinkPreview, ResolveResponse, Settings, link_preview};

use crate::domain::preview::{Kind, Outcome, Preview};
use crate::domain::rules::{AppRules, Hosts};

/// `url` is the link as it was written.
pub fn resolved(url: String, outcome: &Outcome) -> ResolveResponse {
    match outcome {
        Outcome::Found(preview) => ResolveResponse {
            outcome: Told::Found.into(),
            preview: Some(link_preview(url, preview)),
            retry_after_s: 0,
        },
        Outcome::Nothing => answer(Told::Nothing, 0),
        Outcome::Refused => answer(Told::Refused, 0),
        Outcome::Later { after } => {
            let seconds = after.map_or(0, |after| after.as_millis().div_ceil(1000));
            answer(Told::Later, u32::try_from(seconds).unwrap_or(u32::MAX))
        }
    }
}

fn answer(outcome: Told, retry_after_s: u32) -> ResolveResponse {
    ResolveResponse { outcome: outcome.into(), preview: None, retry_after_s }
}

fn link_preview(url: String, preview: &Preview) -> LinkPreview {
    let kind = match preview.kind {
        Kind::Website => link_preview::Kind::Website,
        Kind::Video => link_preview::Kind::Video,
        Kind::Article => link_preview::Kind::Article,
    };
    LinkPreview {
        url,
        title: preview.title.clone(),
        description: preview.description.clone(),
        image: preview.image.clone(),
        site_name: preview.site_name.clone(),
        kind: kind.into(),
        video_id: preview.video_id.clone(),
        embed_url: preview.embed_url.clone(),
        icon: preview.icon.clone(),
    }
}

pub fn settings(rules: &AppRules) -> Settings {
    Settings {
        enabled: rules.enabled,
        allowed_hosts: rules.allowed.names().to_vec(),
        denied_hosts: rules.denied.names().to_vec(),
    }
}

/// The rules that an app's backend has sent; their version is the store's affair.
pub fn rules(settings: Settings) -> Result<AppRules> {
    Ok(AppRules {
        version: 0,
        enabled: settings.enabled,
        allowed: Hosts::parse("allowed_hosts", &settings.allowed_hosts)?,
        denied: Hosts::parse("denied_hosts", &settings.denied_hosts)?,
    })
}
