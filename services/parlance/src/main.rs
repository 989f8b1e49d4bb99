//! The command line of Parlance.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use parlance::Role;
use parlance::backup::Outcome;
use parlance::config::{Config, REFERENCE, SECRETS};
use parlance::rotate::What;
use parlance_config::{Merged, Sources};
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a process that was told to stop at once.
const STOPPED_AT_ONCE: u8 = 130;
/// Exit code of a backup that has to be made with other tools.
const NOT_HERE: u8 = 2;

/// A self-hosted chat backend that speaks several published chat APIs at once.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct Options {
    /// Folder for databases and generated keys [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// TOML file with settings; see `parlance config print`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Make the development app in an empty store even if other machines can reach it
    #[arg(long, global = true)]
    dev: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in this process (the default)
    Serve,
    /// Run the auth service alone: apps, users, tokens
    Auth,
    /// Run the channel service alone: channels, members, permissions
    Channel,
    /// Run the presence service alone: who is online, who types
    Presence,
    /// Run the message service alone: messages and stream logs
    Message,
    /// Run the link-preview service alone: what links lead to
    LinkPreview,
    /// Run the notification service alone: devices, preferences, push
    Notification,
    /// Run a gateway alone: HTTP and WebSocket
    Gateway,
    /// Bring the tables of all services up to date, and end
    Migrate,
    /// Show settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the SQLite stores beside a running server, or check such a copy
    Backup {
        /// Folder to make; one that holds anything is refused
        #[arg(long, value_name = "DIR", required_unless_present = "verify")]
        to: Option<PathBuf>,
        /// Copy the master key of the data folder as well
        #[arg(long)]
        include_master_key: bool,
        /// Check the backup in this folder instead
        #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "include_master_key"])]
        verify: Option<PathBuf>,
    },
    /// Manage apps (tenants)
    #[command(subcommand)]
    App(AppCommand),
    /// Manage the push services of an app, and what could not be pushed
    Push(parlance::push::Push),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting with its meaning and default, as TOML
    Print {
        /// Print the values in force instead of the defaults; secrets as ***
        #[arg(long)]
        effective: bool,
    },
    /// Print the JSON Schema of the configuration file
    Schema,
    /// Say everything that is wrong with the settings, without connecting to anything
    Check {
        /// For a process that runs this role alone: auth, link-preview, channel, presence, message,
        /// notification or gateway
        #[arg(long, value_parser = role)]
        role: Option<Role>,
    },
}

#[derive(Subcommand)]
enum AppCommand {
    /// Make an app; its API key and secret are shown this once
    Create {
        #[arg(long)]
        name: String,
    },
    /// List all apps
    List,
    /// Make a new API key, shown this once; older keys of its kind go on working for the overlap
    RotateKey {
        /// Id of the app; see `parlance app list`
        #[arg(long)]
        app: Uuid,
        /// How long what is replaced stays good: 24h, 30m, 7d; 0 = not at all
        #[arg(long, default_value = "24h", value_parser = parlance::rotate::duration)]
        overlap: Duration,
        /// Kind of the key: secret or public
        #[arg(long, default_value = "secret", value_parser = ["secret", "public"])]
        kind: String,
        /// Renew the secret that signs tokens instead of a key
        #[arg(long, conflicts_with = "kind")]
        secret: bool,
    },
}

fn main() -> ExitCode {
    parlance::limits::use_small_pages();
    parlance_fetch::tls::install();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")
        .and_then(|runtime| runtime.block_on(run(Cli::parse())));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("parlance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Asks a server, and needs no settings.
    if let Some(Command::Push(push)) = cli.command {
        print(parlance::push::run(push).await?);
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.command {
        Some(Command::Config(ConfigCommand::Schema)) => {
            print(parlance::config_schema::text());
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Config(ConfigCommand::Check { role })) => return check(&cli.options, *role),
        // Needs no settings.
        Some(Command::Backup { verify: Some(folder), .. }) => {
            return Ok(report(&parlance::backup::verify(folder)?));
        }
        _ => {}
    }
    let merged = Merged::load(REFERENCE, &sources(&cli.options)?)?;
    if let Some(Command::Config(ConfigCommand::Print { effective })) = &cli.command {
        print(if *effective { merged.render(SECRETS) } else { REFERENCE.to_owned() });
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config { dev: cli.options.dev, ..Config::read(&merged)? };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config, Role::All).await,
        Command::Auth => serve(config, Role::Auth).await,
        Command::Channel => serve(config, Role::Channel).await,
        Command::Presence => serve(config, Role::Presence).await,
        Command::Message => serve(config, Role::Message).await,
        Command::LinkPreview => serve(config, Role::LinkPreview).await,
        Command::Notification => serve(config, Role::Notification).await,
        Command::Gateway => serve(config, Role::Gateway).await,
        Command::Migrate => {
            parlance_telemetry::init_logs(&config.log)?;
            parlance::migrate(&config).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::App(AppCommand::Create { name }) => {
            let made = parlance::apps::create(&config, &name).await?;
            let id = made.app.unwrap_or_default().id;
            print(format!("app      {id}\nAPI key  {}\nsecret   {}\n", made.api_key, made.secret));
            Ok(ExitCode::SUCCESS)
        }
        Command::App(AppCommand::List) => {
            for app in parlance::apps::list(&config).await? {
                print(format!("{}  {}\n", app.id, app.name));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::App(AppCommand::RotateKey { app, overlap, kind, secret }) => {
            let what = match kind.as_str() {
                _ if secret => What::Secret,
                "public" => What::PublicKey,
                _ => What::SecretKey,
            };
            print(parlance::rotate::rotate(&config, app, what, overlap).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { to, include_master_key, .. } => {
            let to = to.context("--to names the folder of the backup")?;
            match parlance::backup::run(&config, &to, include_master_key).await? {
                Outcome::Made(text) => {
                    print(text);
                    Ok(ExitCode::SUCCESS)
                }
                Outcome::NotHere(text) => {
                    print(text);
                    Ok(ExitCode::from(NOT_HERE))
                }
            }
        }
        Command::Config(_) | Command::Push(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Says "ok", or everything that is wrong, a line each.
fn check(options: &Options, role: Option<Role>) -> anyhow::Result<ExitCode> {
    Ok(report(&parlance::config_check::problems(&sources(options)?, role.unwrap_or(Role::All))?))
}

fn report(problems: &[String]) -> ExitCode {
    if problems.is_empty() {
        print("ok\n".to_owned());
        return ExitCode::SUCCESS;
    }
    print(problems.iter().map(|problem| format!("{problem}\n")).collect());
    ExitCode::FAILURE
}

fn role(name: &str) -> Result<Role, String> {
    let known = Role::ALONE.into_iter().find(|role| role.name() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = Role::ALONE.iter().map(|role| role.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the process at once.
async fn serve(config: Config, role: Role) -> anyhow::Result<ExitCode> {
    parlance_telemetry::init_logs(&config.log)?;
    let mut signals = Signals::listen()?;
    let running = tokio::select! {
        started = parlance::start(config, role) => started?,
        () = signals.next() => return Ok(ExitCode::from(STOPPED_AT_ONCE)),
    };
    let listening = serde_json::to_string(running.addresses())?;
    tracing::info!(%role, %listening, "serving");
    // Last, so that a newcomer at a terminal finds it below all else.
    print(running.welcome());

    signals.next().await;
    tracing::info!("draining; a second signal ends the process at once");
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        // Without waiting for anything, the runtime included.
        () = signals.next() => std::process::exit(i32::from(STOPPED_AT_ONCE)),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn sources(options: &Options) -> anyhow::Result<Sources> {
    let mut flags = Vec::new();
    if let Some(path) = &options.data_dir {
        let path = path.to_str().context("--data-dir must be Unicode")?;
        flags.push(("data_dir", path.to_owned()));
    }
    Ok(Sources::of_process(options.config.clone(), flags))
}

/// To standard output; nobody listening is no error.
fn print(text: String) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
