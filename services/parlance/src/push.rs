//! `parlance push`: the push services of an app and its dead letters, asked of a running server over gRPC.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use parlance_core::{Error, Micros, id};
use parlance_proto::notification::notification_service_client::NotificationServiceClient;
use parlance_proto::notification::{
    DeadLetter, DiscardDeadLettersRequest, GetQueueRequest, ListDeadLettersRequest, ListProvidersRequest,
    Provider, ProviderKind, RemoveProviderRequest, ReplayDeadLettersRequest, SetProviderRequest,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// What the names of the protocol begin with.
const PREFIX: &str = "PROVIDER_KIND_";

/// Which server is asked, and for which app.
#[derive(Args)]
pub struct Push {
    /// The gRPC address of the program, or of the notification role
    #[arg(long, env = "PARLANCE_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// A secret API key of the app; better in the environment, where it is not seen in a list of processes
    #[arg(long, env = "PARLANCE_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the push services that the app has set up
    List,
    /// Set up a push service, or change it
    Set {
        /// fcm, apns, expo, web-push or novu
        #[arg(value_parser = kind)]
        kind: ProviderKind,
        /// Its settings, a JSON object; which it knows is in the README of notification
        #[arg(long, default_value = "{}", value_name = "JSON")]
        settings: String,
        /// File with its secrets: a JSON object, or a private key in PEM; those that are kept stay without it
        #[arg(long, value_name = "FILE")]
        secrets: Option<PathBuf>,
        /// Keep it, but send nothing through it
        #[arg(long)]
        disabled: bool,
    },
    /// Remove a push service with its secrets
    Remove {
        /// fcm, apns, expo, web-push or novu
        #[arg(value_parser = kind)]
        kind: ProviderKind,
    },
    /// Say how much waits
    Queue,
    /// List what was given up, newest first
    DeadLetters {
        /// How many: 1 to 500
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Those behind this one: the last id of the page before
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
    /// Queue dead letters again
    Replay(Which),
    /// Forget dead letters
    Discard(Which),
}

/// Which dead letters. One of both must be said: an empty list never means all.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Ids of dead letters, at most 500
    ids: Vec<String>,
    /// All of the app
    #[arg(long)]
    all: bool,
}

/// A push service as people write it: `web-push`.
fn kind(name: &str) -> Result<ProviderKind, String> {
    let of_proto = format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"));
    ProviderKind::from_str_name(&of_proto)
        .filter(|kind| *kind != ProviderKind::Unspecified)
        .ok_or_else(|| "must be fcm, apns, expo, web-push or novu".to_owned())
}

fn name(kind: ProviderKind) -> String {
    kind.as_str_name().trim_start_matches(PREFIX).to_ascii_lowercase().replace('_', "-")
}

/// Does what was asked, and says what came of it for people.
pub async fn run(push: Push) -> anyhow::Result<String> {
    let api_key = push.api_key.parse().context("an API key is ASCII")?;
    let endpoint = Endpoint::from_shared(push.server.clone()).context("--server must be http://HOST:PORT")?;
    let channel = endpoint.connect().await.with_context(|| format!("connect to {}", push.server))?;
    let outcome = Client { calls: NotificationServiceClient::new(channel), api_key }.run(push.command).await;
    // What a service says is meant for people, the rest of a status is not.
    outcome.map_err(|error| match error.downcast::<tonic::Status>() {
        Ok(status) => Error::from(status).into(),
        Err(error) => error,
    })
}

struct Client {
    calls: NotificationServiceClient<Channel>,
    api_key: MetadataValue<Ascii>,
}

impl Client {
    async fn run(mut self, command: Command) -> anyhow::Result<String> {
        Ok(match command {
            Command::List => {
                let request = self.request(ListProvidersRequest {});
                let answer = self.calls.list_providers(request).await?.into_inner();
                lines(&answer.providers, provider)
            }
            Command::Set { kind, settings, secrets, disabled } => {
                let secrets = secrets.map(|path| read_secrets(&path)).transpose()?.unwrap_or_default();
                let request = SetProviderRequest { kind: kind.into(), settings, secrets, enabled: !disabled };
                let request = self.request(request);
                let answer = self.calls.set_provider(request).await?.into_inner();
                lines(answer.provider.as_slice(), provider)
            }
            Command::Remove { kind } => {
                let request = self.request(RemoveProviderRequest { kind: kind.into() });
                match self.calls.remove_provider(request).await?.into_inner().removed {
                    true => "removed\n".to_owned(),
                    false => bail!("the app has not set it up"),
                }
            }
            Command::Queue => {
                let request = self.request(GetQueueRequest {});
                let queue = self.calls.get_queue(request).await?.into_inner();
                let oldest = queue.oldest_at.map_or_else(|| "-".to_owned(), time);
                format!("waiting  {}\noldest   {oldest}\ndead     {}\n", queue.waiting, queue.dead)
            }
            Command::DeadLetters { limit, after } => {
                let request = ListDeadLettersRequest { limit, after: after.unwrap_or_default() };
                let request = self.request(request);
                let answer = self.calls.list_dead_letters(request).await?.into_inner();
                let mut text = lines(&answer.letters, letter);
                if let (true, Some(last)) = (answer.has_more, answer.letters.last()) {
                    writeln!(text, "There are more: --after {}", last.id)?;
                }
                text
            }
            Command::Replay(which) => {
                let request = self.request(ReplayDeadLettersRequest { ids: which.ids });
                let replayed = self.calls.replay_dead_letters(request).await?.into_inner().replayed;
                format!("replayed  {replayed}\n")
            }
            Command::Discard(which) => {
                let request = self.request(DiscardDeadLettersRequest { ids: which.ids });
                let discarded = self.calls.discard_dead_letters(request).await?.into_inner().discarded;
                format!("discarded  {discarded}\n")
            }
        })
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert(parlance_rpc::metadata::API_KEY, self.api_key.clone());
        request
    }
}

/// The secrets of a push service. A private key alone, as Apple gives it out, is what its README calls `private_key`.
fn read_secrets(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    match text.trim_start().starts_with("-----BEGIN") {
        true => Ok(serde_json::json!({ "private_key": text }).to_string()),
        false => Ok(text),
    }
}

fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| line(item) + "\n").collect()
}

fn provider(one: &Provider) -> String {
    let state = if one.enabled { "enabled" } else { "disabled" };
    format!("{:<8}  {state:<8}  {}", name(one.kind()), one.settings)
}

fn letter(one: &DeadLetter) -> String {
    let kind = name(one.provider());
    let died = one.died_at.map_or_else(|| "-".to_owned(), time);
    let channel = if one.channel_num == 0 { "-".to_owned() } else { id::text_of(one.channel_num) };
    let (id, event, attempts, error) = (&one.id, &one.event, one.attempts, &one.error);
    format!("{id}  {died}  {kind}  {event}  channel {channel}  attempts {attempts}  {error}")
}

fn time(at: prost_types::Timestamp) -> String {
    Micros::from_timestamp(&at).unwrap_or_default().iso_millis()
}
