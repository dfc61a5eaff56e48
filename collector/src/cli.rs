//! The command line: what can be asked, and which file answers. Each noun has a file of its own; none of
//! them decides anything that the domain decides.

mod admission;
mod alerting;
mod approval;
mod args;
mod asset;
mod audit;
mod backup;
mod ca;
mod catalogue;
mod check;
mod check_store;
mod clauses;
mod company;
mod demo;
mod device;
mod files;
mod finding;
mod inspection;
mod ledger;
mod ledger_files;
mod migrate_store;
mod notice;
mod observation;
mod out;
mod register;
mod rules;
mod serve;
mod session;
mod subject;
mod successor;
mod terms;
mod token;
mod update;
mod user;
mod why;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use deskwarden_domain::{
    model::Lang,
    port::{AlertingKind, StoreError},
    register::Book,
};

use crate::{config::ConfigError, notify::is_invisible};
use out::Out;
use session::Session;

/// 桌面巡检 Deskwarden: receives what agents report, judges it, shows it, alerts.
#[derive(Debug, Parser)]
#[command(name = "deskwarden-collector", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
struct Common {
    /// Configuration file [default: /etc/deskwarden/collector.toml; on Windows in ProgramData\Deskwarden Collector]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
    /// Data folder of a collector without a configuration file
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Database instead of the configured one: sqlite:FILE or postgres://...
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Format of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the collector
    Serve(serve::Serve),
    /// Run as the service that the service manager of Windows started
    Service,
    /// Enrolment tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Enrolled installations of the agent
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// The asset register
    #[command(subcommand)]
    Asset(asset::AssetCommand),
    /// People and the accounts that they sign in with
    #[command(subcommand)]
    Person(register::BookCommand),
    /// Who gave which PC to whom; a new one moves custodian and department
    #[command(subcommand)]
    Transfer(register::BookCommand),
    /// Work orders that authorise changes of parts
    #[command(subcommand)]
    Order(register::OrderCommand),
    /// Providers of outsourced services
    #[command(subcommand)]
    Provider(register::BookCommand),
    /// Times in which a provider's PCs may be here
    #[command(subcommand)]
    Visit(register::BookCommand),
    /// Software that was paid for
    #[command(subcommand)]
    Licence(register::BookCommand),
    /// Removable media that may be used
    #[command(subcommand)]
    Media(register::BookCommand),
    /// By what the departments of PCs are recognised, and what is proposed
    #[command(subcommand)]
    Department(register::DepartmentCommand),
    /// The assigned IP addresses
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// What breaks a rule
    #[command(subcommand)]
    Finding(finding::FindingCommand),
    /// Inspection runs, and providers to be assessed anew
    #[command(subcommand)]
    Inspection(inspection::InspectionCommand),
    /// Providers' devices that were checked before they are used
    #[command(subcommand)]
    Admission(admission::AdmissionCommand),
    /// The first days of a new fleet: one summary a day instead of alerts
    #[command(subcommand)]
    Observation(observation::ObservationCommand),
    /// Rectification notices
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    /// What is allowed, for whom and until when
    #[command(subcommand)]
    Approval(approval::ApprovalCommand),
    /// Rule packs
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Coverage: every clause of the regulations, and what checks it
    Clauses(clauses::Clauses),
    /// The software catalogue
    #[command(subcommand)]
    Catalogue(catalogue::CatalogueCommand),
    /// People who may sign in
    #[command(subcommand)]
    User(user::UserCommand),
    /// What is held of a person: hand it out, erase it
    #[command(subcommand)]
    Subject(subject::SubjectCommand),
    /// Where alerts go
    #[command(subcommand)]
    Channel(alerting::ChannelCommand),
    /// Which alerts go where, when and how
    #[command(subcommand)]
    Route(alerting::DefinitionCommand),
    /// Times of planned work, in which alerts wait
    #[command(subcommand)]
    Maintenance(alerting::DefinitionCommand),
    /// What was sent where, and what no channel took
    #[command(subcommand)]
    Delivery(alerting::DeliveryCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The certificate authority: how it stands, replacing its root
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Simulated PCs with some weeks of history, to look around in
    Demo(demo::Demo),
    /// Copy everything that this collector is into a folder; it may run meanwhile
    Backup(backup::Backup),
    /// Put a backup in the place of a collector that is lost
    Restore(backup::Restore),
    /// Move the store to another database, and compare both row by row
    MigrateStore(migrate_store::MigrateStore),
    /// Signed packages of the agent, and who is offered them
    #[command(subcommand)]
    Update(update::UpdateCommand),
    /// Check the configuration, the channels and the rules folder without starting anything
    CheckConfig,
    /// Check whether the store gives back what was stored
    CheckStore(check_store::CheckStore),
}

/// Why a command failed; one clear message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Something was asked that cannot be done; the text says what to do.
    #[error("{0}")]
    Refused(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error("{}", with_causes(.0))]
    Store(#[from] StoreError),
    /// The store cannot be opened.
    #[error("{}", with_causes(.0))]
    Open(#[from] deskwarden_store::OpenError),
    /// Output could not be written.
    #[error("output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The collector itself failed.
    #[error("{0:#}")]
    Serve(anyhow::Error),
}

impl CliError {
    fn refused(what: impl ToString) -> Self {
        Self::Refused(what.to_string())
    }
}

/// A message without what a terminal would obey or hide: names of files and of keys are anybody's.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

/// Runs the process's command line: 0 done, 1 refused or failed, 2 misused.
pub fn main() -> ExitCode {
    deskwarden_system::guard_libraries();
    let lang = language(|name| std::env::var(name).ok());
    run(std::env::args_os(), lang, &mut io::stdout(), &mut io::stderr())
}

/// Runs a command line with these streams. Errors of the streams themselves end it quietly.
pub fn run<A>(args: A, lang: Lang, stdout: &mut (dyn Write + Send), stderr: &mut dyn Write) -> ExitCode
where
    A: IntoIterator,
    A::Item: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let stream: &mut dyn Write = if usage.use_stderr() { stderr } else { stdout };
            // Nobody is left to tell when the stream is gone.
            write!(stream, "{}", shown(&usage.to_string())).ok();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut out = Out::new(stdout, cli.common.json, lang);
    match dispatch(cli, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(stderr, "deskwarden-collector: {}", shown(&error.to_string())).ok();
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli, out: &mut Out<'_>) -> Result<(), CliError> {
    let common = cli.common;
    match cli.command {
        Command::Serve(serve) => serve::run(serve, &common, out),
        Command::Service => Ok(crate::service::run().map_err(CliError::refused)?),
        Command::CheckConfig => check::run(&common, out),
        Command::CheckStore(command) => check_store::run(&command, &Session::of_existing(&common)?, out),
        Command::Backup(command) => backup::run(&command, &common, out),
        Command::Restore(command) => backup::restore(&command, &common, out),
        Command::MigrateStore(command) => migrate_store::run(&command, out),
        Command::Rules(command) => rules::run(command, &common, out),
        Command::Catalogue(command) => catalogue::run(command, &common, out),
        Command::Demo(command) => demo::run(&command, &Session::open(&common)?, out),
        Command::Token(command) => token::run(command, &Session::open(&common)?, out),
        Command::Device(command) => device::run(command, &Session::open(&common)?, out),
        Command::Asset(command) => asset::run(command, &Session::open(&common)?, out),
        Command::Person(command) => book(Book::People, command, &common, out),
        Command::Transfer(command) => book(Book::Transfers, command, &common, out),
        Command::Order(command) => register::order(command, &Session::open(&common)?, out),
        Command::Provider(command) => book(Book::Providers, command, &common, out),
        Command::Visit(command) => book(Book::Visits, command, &common, out),
        Command::Licence(command) => book(Book::Licences, command, &common, out),
        Command::Media(command) => book(Book::Media, command, &common, out),
        Command::Department(command) => register::department(command, &Session::open(&common)?, out),
        Command::Ledger(command) => ledger::run(command, &Session::open(&common)?, out),
        Command::Finding(command) => finding::run(command, &Session::open(&common)?, out),
        Command::Inspection(command) => inspection::run(command, &Session::open(&common)?, out),
        Command::Admission(command) => admission::run(command, &Session::open(&common)?, out),
        Command::Observation(command) => observation::run(command, &Session::open(&common)?, out),
        Command::Notice(command) => notice::run(command, &Session::open(&common)?, out),
        Command::Approval(command) => approval::run(command, &Session::open(&common)?, out),
        Command::Clauses(clauses) => clauses::run(clauses, &Session::open(&common)?, out),
        Command::User(command) => user::run(command, &Session::open(&common)?, out),
        Command::Subject(command) => subject::run(command, &Session::open(&common)?, out),
        Command::Channel(command) => alerting::channel(command, &Session::open(&common)?, out),
        Command::Route(command) => {
            alerting::definition(AlertingKind::Route, command, &Session::open(&common)?, out)
        }
        Command::Maintenance(command) => {
            alerting::definition(AlertingKind::Maintenance, command, &Session::open(&common)?, out)
        }
        Command::Delivery(command) => alerting::delivery(command, &Session::open(&common)?, out),
        Command::Audit(command) => audit::run(command, &Session::open(&common)?, out),
        Command::Ca(command) => ca::run(command, &Session::open(&common)?, out),
        Command::Update(command) => update::run(command, &common, out),
    }
}

fn book(
    book: Book,
    command: register::BookCommand,
    common: &Common,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    register::run(book, command, &Session::open(common)?, out)
}

/// The language of the terminal: Chinese where it says so, else English.
fn language(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let set = names
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    if set.is_some_and(|value| value.to_ascii_lowercase().starts_with("zh")) {
        Lang::Zh
    } else {
        Lang::En
    }
}

#[cfg(test)]
mod tests;
