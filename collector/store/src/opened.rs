//! A database behind a location, before anything is known of what it holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use deskwarden_domain::port::{StoreError, StoreResult};

use crate::{OpenError, migrations, postgres::Postgres, sql::Engine, sqlite::Sqlite};

/// What a location says: which engine, and where.
enum Location<'l> {
    Sqlite(&'l Path),
    Postgres(&'l str),
}

impl<'l> Location<'l> {
    fn parse(location: &'l str) -> Result<Self, OpenError> {
        if let Some(path) = location.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(Path::new(path)));
        }
        if location.starts_with("postgres://") || location.starts_with("postgresql://") {
            return Ok(Self::Postgres(location));
        }
        // Not the whole: what is no location may be a password.
        let shown = location.split(':').next().unwrap_or_default();
        Err(OpenError::Location(format!("{shown}:...")))
    }
}

/// The file of a SQLite location; `None` for PostgreSQL.
///
/// # Errors
/// The location is neither of the two.
pub fn file_of(location: &str) -> Result<Option<PathBuf>, OpenError> {
    Ok(match Location::parse(location)? {
        Location::Sqlite(path) => Some(path.to_owned()),
        Location::Postgres(_) => None,
    })
}

/// A database that can be used.
pub(crate) struct Opened {
    pub(crate) engine: Box<dyn Engine>,
    /// What it is called in messages: without user and password.
    pub(crate) place: String,
}

impl Opened {
    /// Opens the database, or makes it where the engine can.
    pub(crate) fn at(location: &str) -> Result<Self, OpenError> {
        Ok(match Location::parse(location)? {
            Location::Sqlite(path) => Self {
                engine: Box::new(Sqlite::open(path)?),
                place: format!("the database {}", path.display()),
            },
            Location::Postgres(location) => {
                let engine = Postgres::open(location)?;
                let place = engine.place().to_owned();
                Self {
                    engine: Box::new(engine),
                    place,
                }
            }
        })
    }

    /// Opens a database that must be there, with the schema of this build; changes nothing in it.
    pub(crate) fn existing(location: &str) -> Result<Self, OpenError> {
        if let Location::Sqlite(path) = Location::parse(location)?
            && !fs::metadata(path).is_ok_and(|file| file.len() > 0)
        {
            let place = path.display();
            return Err(StoreError::NotFound(format!("the database {place}")).into());
        }
        let opened = Self::at(location)?;
        migrations::refuse_other(opened.engine.as_ref(), &opened.place)?;
        Ok(opened)
    }

    /// Brings the schema up to this build.
    pub(crate) fn migrate(&self) -> StoreResult<()> {
        migrations::migrate(self.engine.as_ref(), &self.place)
    }
}
