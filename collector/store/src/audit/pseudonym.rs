//! Pseudonyms of people in the audit log. One is a hash of a random salt and the name: it says nothing by
//! itself, cannot be guessed once the salt is gone, and shows when somebody exchanged the name beside it.

use std::collections::HashMap;

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, PERSON_BEGINS, PERSON_ENDS, each_person},
    port::{StoreError, StoreResult},
};

use crate::sql::{Cell, Conditions, Connection, ConnectionExt as _, like};

/// What a pseudonym begins with.
const MARK: &str = "p:";
/// Who acts without being a person.
const NOBODY: [&str; 3] = [PRODUCT, "cli", ""];
/// A program with a token of the API. No sign-in name holds a colon.
const PROGRAM: &str = "token:";

/// The entry as the chain holds it.
pub(super) fn disguise(connection: &mut dyn Connection, entry: &AuditEntry) -> StoreResult<AuditEntry> {
    let actor = if NOBODY.contains(&entry.actor.as_str()) || entry.actor.starts_with(PROGRAM) {
        entry.actor.clone()
    } else {
        of(connection, &entry.actor)?
    };
    let mut marked = |text: &str| {
        each_person(text, |name| {
            let pseudonym = of(connection, name)?;
            Ok::<_, StoreError>(format!("{PERSON_BEGINS}{pseudonym}{PERSON_ENDS}"))
        })
    };
    Ok(AuditEntry {
        at: entry.at,
        actor,
        action: entry.action.clone(),
        object: marked(&entry.object)?,
        detail: marked(&entry.detail)?,
    })
}

/// The pseudonym of a name; made at its first use. Writers queue at the end of the chain before they come here.
fn of(connection: &mut dyn Connection, name: &str) -> StoreResult<String> {
    if let Some(known) = known(connection, name)? {
        return Ok(known);
    }
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|source| StoreError::Unavailable {
        context: "the system gave no random bytes for a pseudonym".into(),
        source: Box::new(source),
    })?;
    let pseudonym = commit(&salt, name);
    connection.execute(
        "INSERT INTO pseudonyms (pseudonym, name, salt) VALUES (?1, ?2, ?3)",
        &[Cell::Text(&pseudonym), Cell::Text(name), Cell::from(&salt)],
    )?;
    Ok(pseudonym)
}

/// The pseudonym that a name has, if it has one.
pub(super) fn known(connection: &mut dyn Connection, name: &str) -> StoreResult<Option<String>> {
    connection.row(
        "SELECT pseudonym FROM pseudonyms WHERE name = ?1",
        &[Cell::Text(name)],
        |r| r.string(),
    )
}

fn commit(salt: &[u8; 16], name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt).update(name.as_bytes());
    let hash = hasher.finalize().to_hex();
    format!("{MARK}{}", hash.get(..32).unwrap_or_default())
}

/// A pseudonym beside which another name stands than the one that it was made of.
pub(super) fn exchanged(connection: &mut dyn Connection) -> StoreResult<Option<String>> {
    let rows = connection.rows(
        "SELECT pseudonym, name, salt FROM pseudonyms WHERE name IS NOT NULL OR salt IS NOT NULL",
        &[],
        |r| Ok((r.string()?, r.opt_string()?, r.opt_array::<16>()?)),
    )?;
    Ok(rows
        .into_iter()
        .find(|(pseudonym, name, salt)| match (name, salt) {
            (Some(name), Some(salt)) => commit(salt, name) != *pseudonym,
            _ => true,
        })
        .map(|(pseudonym, ..)| pseudonym))
}

/// Forgets who is meant by a person's pseudonym, and what was looked for with the name in it; how many meanings.
pub(crate) fn forget(connection: &mut dyn Connection, name: &str) -> StoreResult<u64> {
    let mut c = Conditions::new();
    let (own, inside) = (c.bind(Cell::Text(name)), c.pattern(name));
    let encoded = c.pattern(&encoded(name));
    // What was looked for holds a sign that no name of a person does.
    let searched = format!(
        "(name LIKE '%=%' AND ({} OR {}))",
        like("name", &inside),
        like("name", &encoded)
    );
    connection.execute(
        &format!("UPDATE pseudonyms SET name = NULL, salt = NULL WHERE name = {own} OR {searched}"),
        &c.params(),
    )
}

/// A name as it stands in an address.
fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Names behind pseudonyms, looked up once each.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Option<String>>);

impl Names {
    fn of(&mut self, connection: &mut dyn Connection, pseudonym: &str) -> StoreResult<Option<String>> {
        if let Some(known) = self.0.get(pseudonym) {
            return Ok(known.clone());
        }
        let found = connection.row(
            "SELECT name FROM pseudonyms WHERE pseudonym = ?1",
            &[Cell::Text(pseudonym)],
            |r| r.opt_string(),
        )?;
        let name = found.flatten();
        self.0.insert(pseudonym.to_owned(), name.clone());
        Ok(name)
    }

    /// The entry for people: names in the place of pseudonyms; those that were erased stay as they are.
    pub(super) fn reveal(
        &mut self,
        connection: &mut dyn Connection,
        entry: &mut AuditEntry,
    ) -> StoreResult<()> {
        if entry.actor.starts_with(MARK)
            && let Some(name) = self.of(connection, &entry.actor)?
        {
            entry.actor = name;
        }
        for text in [&mut entry.object, &mut entry.detail] {
            if text.contains(PERSON_BEGINS) {
                *text = each_person(text, |pseudonym| {
                    let name = self.of(connection, pseudonym)?;
                    Ok::<_, StoreError>(
                        name.unwrap_or_else(|| format!("{PERSON_BEGINS}{pseudonym}{PERSON_ENDS}")),
                    )
                })?;
            }
        }
        Ok(())
    }
}
