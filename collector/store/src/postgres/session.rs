//! Where the database is, and one connection to it with its prepared statements.

use std::{collections::HashMap, time::Duration};

use deskwarden_domain::port::{StoreError, StoreResult};
use postgres::{Client, Config, NoTls, Statement, config::Host, error::SqlState};

use tokio_postgres_rustls::MakeRustlsConnect;

use super::{failure, tls};
use crate::sql::insensitive;

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 512;

/// Where the database is.
pub(super) struct Target {
    config: Config,
    place: String,
    /// `None`: without TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// From `postgres://user:password@host:port/database`. The text is never part of a message.
    pub(super) fn parse(location: &str) -> StoreResult<Self> {
        let (plain, asked) = tls::asked(location)?;
        let mut config: Config = plain.parse().map_err(|_| {
            StoreError::Conflict(
                "the location of the PostgreSQL database cannot be read: write it as \
                 postgres://USER:PASSWORD@HOST:5432/DATABASE, with signs such as @ / : in the password as %40 %2F %3A"
                    .into(),
            )
        })?;
        let hosts: Vec<String> = config.get_hosts().iter().map(host_name).collect();
        let place = format!(
            "the PostgreSQL database {} on {}",
            config.get_dbname().unwrap_or("(default)"),
            hosts.join(", ")
        );
        if config.get_application_name().is_none() {
            config.application_name("deskwarden-collector");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let tls = tls::connector(&mut config, &hosts, &asked)?;
        Ok(Self { config, place, tls })
    }

    /// The database without user and password, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A new connection. Refuses a database that cannot hold every text.
    pub(super) fn connect(&self) -> StoreResult<Session> {
        let connected = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        let mut client = connected.map_err(|error| self.cannot_connect(error))?;
        let fault = |error| failure(&self.place, error);
        // Whatever the server's defaults are: what was acknowledged is on disk, and nobody waits for ever.
        client
            .batch_execute(
                "SET synchronous_commit = on; SET lock_timeout = '30s';
                 SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning",
            )
            .map_err(fault)?;
        let row = client.query_one("SHOW server_encoding", &[]).map_err(fault)?;
        let encoding: &str = row.try_get(0).map_err(fault)?;
        if encoding != "UTF8" {
            return Err(StoreError::Conflict(format!(
                "{} has the encoding {encoding}: make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
                self.place
            )));
        }
        Ok(Session {
            client,
            statements: HashMap::new(),
            in_transaction: false,
        })
    }

    fn cannot_connect(&self, error: postgres::Error) -> StoreError {
        let hint = match error.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                ": check user and password"
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => ": make the database first",
            Some(_) => "",
            None if self.tls.is_some() && error.to_string().contains("TLS") => {
                ": the server must have a certificate for this name; `?sslrootcert=FILE` in the location names its \
                 authority, and `?sslmode=disable` goes without TLS, where nobody else is on the wire"
            }
            None => ": is the server running, and does it let this machine in?",
        };
        // The driver keeps the reason in the source: `error connecting to server` alone helps nobody.
        let why = match (error.as_db_error(), std::error::Error::source(&error)) {
            (Some(db), _) => db.message().to_owned(),
            (None, Some(source)) => source.to_string(),
            (None, None) => error.to_string(),
        };
        StoreError::Unavailable {
            context: format!("cannot reach {} ({why}){hint}", self.place),
            source: Box::new(error),
        }
    }
}

/// One connection.
pub(super) struct Session {
    pub(super) client: Client,
    /// By the text as this crate writes it.
    statements: HashMap<String, Statement>,
    pub(super) in_transaction: bool,
}

impl Session {
    /// The statement, prepared at its first use.
    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&insensitive(sql).replace('?', "$"))?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Ends a transaction that failed; `false` when the connection is of no more use.
    pub(super) fn rolled_back(&mut self) -> bool {
        if self.in_transaction && self.client.batch_execute("ROLLBACK").is_ok() {
            self.in_transaction = false;
        }
        !self.in_transaction
    }
}

/// Name or folder of a host. Folders of sockets are a kind of their own, which only Unix has.
fn host_name(host: &Host) -> String {
    let told = format!("{host:?}");
    told.split('"').nth(1).unwrap_or(&told).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_network_it_is_the_usual_case() {
        for (location, verified) in [
            ("postgres://u:p@db.example/x", true),
            ("postgres://u:p@192.0.2.7,localhost/x", true),
            ("postgres://u:p@db.example/x?sslmode=disable", false),
            (
                "postgres://u:p@db.example/x?sslmode=require&application_name=a",
                true,
            ),
            ("postgres://u:p@localhost/x", false),
            ("postgres://u:p@127.0.0.1:5433/x", false),
            ("postgres://u:p@[::1]/x", false),
            ("postgres://u@%2Frun%2Fpostgresql/x", false),
            ("postgres://u:p@localhost/x?sslmode=verify-full", true),
            ("postgres://u:p?sslmode=disable@db.example/x", true),
        ] {
            assert_eq!(
                Target::parse(location).unwrap().tls.is_some(),
                verified,
                "{location}"
            );
        }
    }

    #[test]
    fn what_would_protect_nothing_is_refused() {
        for (location, words) in [
            ("postgres://u@db.example/x?sslmode=prefer", "`sslmode=prefer`"),
            ("postgres://u@db.example/x?sslmode=", "`sslmode=`"),
            (
                "postgres://u@db.example/x?sslrootcert=/nowhere/ca.pem",
                "sslrootcert=/nowhere/ca.pem",
            ),
            (
                "postgres://u@db.example/x?sslrootcert=/dev/null",
                "no certificate in it",
            ),
            ("postgres://u@db.example/x?sslmode=%FF", "`sslmode`"),
        ] {
            let message = Target::parse(location).err().unwrap().to_string();
            assert!(message.contains(words), "{location}: {message}");
        }
    }
}
