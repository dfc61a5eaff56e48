//! The command line: what can be asked of the agent, and how its answers look. The answers themselves
//! come from the other modules.

mod check;
mod collect;
mod collected;
mod cost;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use deskwarden_platform::Lines;
use deskwarden_proto::section;
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

use crate::{
    app,
    config::{self, Config, Overrides},
    fault,
    identity::{self, Outcome},
    notice, service, setup,
    update::Program,
};

/// Variable that may hold the token for `enrol`. The agent starts no programs, so nobody inherits it.
const TOKEN: &str = "DESKWARDEN_TOKEN";

#[derive(Debug, Parser)]
#[command(
    name = "deskwarden-agent",
    version,
    about = "Reports what an office PC is to the collector (桌面巡检)"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch this PC and report to the collector until ended by a signal.
    Run {
        #[command(flatten)]
        settings: Settings,
        /// How log lines look.
        #[arg(long, value_enum, default_value = "text")]
        log: LogFormat,
    },
    /// Trade a token for this PC's identity. The token is read from --token-file or `DESKWARDEN_TOKEN`.
    Enrol {
        #[command(flatten)]
        settings: Settings,
    },
    /// Have this PC checked for admission, once and without installation: 0 passed, 1 did not, 2 could not be looked at.
    /// Nothing is left on the disk.
    Check {
        #[command(flatten)]
        check: check::Check,
    },
    /// Read this PC once and print what would be reported.
    Collect {
        /// Only this section; may be given several times.
        #[arg(long, value_parser = one_section)]
        section: Vec<section::Section>,
        /// One JSON object, as `deskwarden-collector rules test --snapshot` reads it.
        #[arg(long)]
        json: bool,
        /// Print what looking costs instead: the first look and one right after it, source by source.
        #[arg(long)]
        cost: bool,
        /// Read the files of another system below this folder.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
    },
    /// Tell what is collected, why, and how sensitive it is.
    WhatIsCollected {
        /// One JSON object.
        #[arg(long)]
        json: bool,
        /// Language; by default the system's.
        #[arg(long, value_enum)]
        lang: Option<Language>,
    },
    /// Print the link to the notice about this PC: what is collected, why, and who looked at it.
    Notice {
        #[command(flatten)]
        settings: Settings,
    },
    /// Turn what a roll-out left for this PC (enrol.toml beside the configuration, or the variables
    /// `DESKWARDEN_COLLECTOR`, `_PIN`, `_TOKEN`, `_DEPARTMENT`, `_PROXY`) into the configuration.
    Setup {
        /// File that was left; removed once it is taken over.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Configuration file to write.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Run as the Windows service that the installation registered; only the service manager can start this.
    Service,
    /// Check the configuration and name every fault.
    CheckConfig {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Args)]
struct Settings {
    /// Configuration file; by default /etc/deskwarden/agent.toml (Windows: ProgramData\Deskwarden), if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of a collector, https://host:port; may be given several times.
    #[arg(long, value_name = "URL")]
    collector: Vec<String>,
    /// Pin of the collector's root, sha256:...
    #[arg(long)]
    pin: Option<String>,
    /// File with the enrolment token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Private folder of identity and outbox.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Read the files of another system below this folder.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Department that is shown with this PC.
    #[arg(long)]
    department: Option<String>,
}

impl Settings {
    fn load(self) -> Result<Config, config::Error> {
        config::load(
            self.config.as_deref(),
            Overrides {
                collectors: self.collector,
                pin: self.pin,
                token_file: self.token_file,
                state_dir: self.state_dir,
                root: self.root,
                department: self.department,
            },
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Language of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Zh,
    En,
}

/// Bytes of output that are written together.
const OUTPUT: usize = 64 << 10;

/// Parses the arguments, does what they say, and tells how it went.
pub fn main() -> ExitCode {
    deskwarden_platform::guard_libraries();
    let cli = Cli::parse();
    match command(cli.command, &mut io::stdout().lock()) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell when standard error is closed.
            writeln!(io::stderr(), "deskwarden-agent: {}", fault::told(&error)).ok();
            ExitCode::FAILURE
        }
    }
}

fn command(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    if let Command::Check { check } = command {
        start_log(LevelFilter::ERROR, LogFormat::Text);
        return app::runtime()?.block_on(check::run(check, out));
    }
    others(command, out).map(|()| ExitCode::SUCCESS)
}

fn others(command: Command, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        // Asked before.
        Command::Check { .. } => Ok(()),
        Command::Run { settings, log } => {
            let program = Program::start()?;
            let config = settings.load()?;
            start_log(config.log, log);
            deskwarden_platform::keep_heap_small();
            app::runtime()?.block_on(app::run(config, program, app::signals()))
        }
        Command::Enrol { settings } => {
            let config = settings.load()?;
            start_log(config.log, LogFormat::Text);
            enrol(&config, out)
        }
        Command::Collect {
            section,
            json,
            cost,
            root,
        } => {
            let root = app::root(root.as_deref());
            // Standard output alone would be written line by line: tens of thousands of them.
            let mut out = io::BufWriter::with_capacity(OUTPUT, out);
            if cost {
                cost::run(&section, json, &root, &mut out)?;
            } else {
                collect::run(&section, json, &root, &mut out)?;
            }
            Ok(out.flush()?)
        }
        Command::Notice { settings } => {
            // Staff may not be allowed to read the configuration; what they read is elsewhere.
            let given = settings.state_dir.clone();
            let state = given.or_else(|| settings.load().ok().map(|config| config.state_dir));
            let link = notice::link(state.as_deref(), identity::clock::wall_ms())?;
            writeln!(out, "{link}")?;
            Ok(())
        }
        Command::WhatIsCollected { json, lang } => collected::run(json, lang.unwrap_or_else(language), out),
        Command::Setup { from, config } => {
            let places = deskwarden_platform::places();
            set_up(
                &from.unwrap_or(places.left),
                &config.unwrap_or(places.config),
                out,
            )
        }
        Command::Service => service::run(),
        Command::CheckConfig { settings } => {
            let config = settings.load()?;
            for collector in &config.collectors {
                writeln!(out, "collector {collector}")?;
            }
            if let Some(proxy) = &config.proxy {
                writeln!(out, "proxy     {proxy}")?;
            }
            writeln!(out, "state     {}", config.state_dir.display())?;
            writeln!(out, "the configuration is sound")?;
            Ok(())
        }
    }
}

fn enrol(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let token = match (&config.token_file, env::var(TOKEN)) {
        (Some(file), _) => app::read_token(file)?,
        (None, Ok(token)) if !token.trim().is_empty() => Zeroizing::new(token.trim().to_owned()),
        _ => anyhow::bail!("no token: give --token-file, or set {TOKEN}"),
    };
    match app::runtime()?.block_on(app::enrol(config, token))? {
        Outcome::Enrolled(identity) => writeln!(out, "enrolled as device {}", identity.device)?,
        Outcome::Pending(wait) => writeln!(
            out,
            "a technician has to approve this PC; run this again in {} s",
            wait.as_secs()
        )?,
    }
    Ok(())
}

fn set_up(from: &Path, config: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let outcome = setup::take_over(|name| env::var(name).ok(), from, config)?;
    match outcome {
        setup::Outcome::Nothing => writeln!(out, "nothing was left to set up")?,
        setup::Outcome::Configured | setup::Outcome::ConfiguredFromReadable => {
            writeln!(out, "{} is written", config.display())?;
        }
    }
    if outcome == setup::Outcome::ConfiguredFromReadable {
        writeln!(
            out,
            "warning: everybody on this PC could read the token in {}; leave such files with mode 0600",
            from.display()
        )?;
    }
    Ok(())
}

fn start_log(level: LevelFilter, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_ansi(false);
    match format {
        LogFormat::Text => builder.with_writer(Lines::text()).with_target(false).init(),
        LogFormat::Json => builder
            .with_writer(Lines::json())
            .json()
            .flatten_event(true)
            .init(),
    }
}

fn one_section(text: &str) -> Result<section::Section, String> {
    section::by_name(text).ok_or_else(|| {
        let names: Vec<&str> = section::ALL.into_iter().map(section::name).collect();
        format!("no such section; there are {}", names.join(", "))
    })
}

/// The system's language, as far as there are answers in it.
fn language() -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.is_empty());
    match set {
        Some(value) if value.starts_with("zh") => Language::Zh,
        _ => Language::En,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = error
        .downcast_ref::<serde_json::Error>()
        .and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_unknown_section_names_those_there_are() {
        let refused = Cli::try_parse_from(["deskwarden-agent", "collect", "--section", "fonts"]);
        assert!(refused.unwrap_err().to_string().contains("software"));
    }

    #[test]
    fn the_token_is_no_argument() {
        for argument in ["--token=x", "--token"] {
            assert!(Cli::try_parse_from(["deskwarden-agent", "enrol", argument, "x"]).is_err());
        }
    }
}
