use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use super::report::Report;
use super::scenarios::{distributed, fanout, history, idle, links, push, reconnect, scaleout, sends};
use super::{raw, server::Server};

/// Measures a Parlance that it starts itself, on loopback, beside baselines of the same run.
#[derive(Parser)]
#[command(name = "parlance-bench")]
struct Cli {
    /// What to measure; nothing = everything
    scenarios: Vec<Scenario>,
    /// Short runs of a small size: shows that everything works, says little about speed
    #[arg(long)]
    quick: bool,
    /// Write all figures to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder for databases; its disk decides what a commit costs [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Fan-out: messages that senders may be ahead of the average subscriber [default: 128, with many
    /// subscribers fewer, down to 32]
    #[arg(long)]
    window: Option<u64>,
    /// Fan-out: publications per write of the saturated baseline [default: as counted at the subscribers]
    #[arg(long)]
    batch: Option<usize>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    All,
    Sends,
    Fanout,
    Idle,
    Reconnect,
    History,
    Push,
    Links,
    Distributed,
    Scaleout,
}

#[derive(Subcommand)]
enum Command {
    /// The baseline of fan-out; run by the benchmark in a process of its own
    #[command(hide = true)]
    RawServer { sockets: usize },
}

/// How large and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    pub quick: bool,
    pub window: Option<u64>,
    pub batch: Option<usize>,
}

impl Plan {
    /// Messages that senders may be ahead. Enough to saturate, too few for a queue to grow old.
    pub fn window(&self, subscribers: usize) -> u64 {
        self.window.unwrap_or_else(|| (128_000 / subscribers.max(1) as u64).clamp(32, 128))
    }

    /// One of two sizes.
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlance-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::RawServer { sockets }) = cli.command {
        return raw::serve(sockets);
    }
    // One thread: whatever the generator takes, the server lacks.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(cli))
}

async fn measure(cli: Cli) -> anyhow::Result<()> {
    let plan = Plan { quick: cli.quick, window: cli.window, batch: cli.batch };
    let all = cli.scenarios.is_empty() || cli.scenarios.contains(&Scenario::All);
    let wanted = |scenario| all || cli.scenarios.contains(&scenario);
    let mut report = Report::new(plan.quick);
    one_process(&cli, &plan, &mut report).await?;
    if wanted(Scenario::Push) {
        report.section("push", &plan);
        push::run(&plan, &mut report).await.context("push")?;
    }
    if wanted(Scenario::Links) {
        report.section("links", &plan);
        links::run(&plan, &mut report).await.context("links")?;
    }
    if wanted(Scenario::Distributed) {
        report.section("distributed", &plan);
        distributed::run(&plan, &mut report).await.context("distributed")?;
    }
    if wanted(Scenario::Scaleout) {
        report.section("scaleout", &plan);
        scaleout::run(&plan, &mut report).await.context("scaleout")?;
    }
    report.print_table();
    match cli.json {
        Some(path) => report.write(&path).with_context(|| format!("write {}", path.display())),
        None => Ok(()),
    }
}

/// What is measured on one `parlance serve` with the usual settings.
async fn one_process(cli: &Cli, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let all = cli.scenarios.is_empty() || cli.scenarios.contains(&Scenario::All);
    let wanted = |scenario| all || cli.scenarios.contains(&scenario);
    let separate = [Scenario::Push, Scenario::Links, Scenario::Distributed, Scenario::Scaleout];
    if !all && cli.scenarios.iter().all(|scenario| separate.contains(scenario)) {
        return Ok(());
    }
    let mut server = Server::start(cli.folder.clone()).await;
    if wanted(Scenario::Sends) {
        report.section("sends", plan);
        sends::run(&mut server, plan, report).await.context("sends")?;
    }
    if wanted(Scenario::Fanout) {
        report.section("fanout", plan);
        fanout::run(&mut server, plan, report).await.context("fanout")?;
    }
    if wanted(Scenario::Idle) {
        report.section("idle", plan);
        idle::run(&mut server, plan, report).await.context("idle")?;
    }
    if wanted(Scenario::Reconnect) {
        report.section("reconnect", plan);
        reconnect::run(&mut server, plan, report).await.context("reconnect")?;
    }
    if wanted(Scenario::History) {
        report.section("history", plan);
        history::run(&mut server, plan, report).await.context("history")?;
    }
    Ok(())
}
