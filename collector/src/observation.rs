//! The observation of a new fleet as it is kept: in the definitions of alerting, so that every collector over the
//! store sees a change at once and nothing is judged anew for it.

use deskwarden_domain::{
    alerting::Observation,
    model::{AuditEntry, Millis},
    port::{AlertingKind, Definition, Store, StoreResult},
};

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its end.
    pub until: Option<Millis>,
    /// When the first PC enrolled.
    pub first: Option<Millis>,
    /// Days left; `None` when it is off or over.
    pub left: Option<u64>,
}

/// What is kept; off where nothing is.
pub fn kept(store: &dyn Store) -> StoreResult<Observation> {
    let definitions = store.definitions()?;
    let found = definitions
        .iter()
        .find(|definition| definition.kind == AlertingKind::Observation);
    // Another version's words that this one does not know disturb nobody: alerts go out.
    Ok(found
        .and_then(|definition| serde_json::from_str(&definition.text).ok())
        .unwrap_or(Observation::off()))
}

/// Keeps it.
pub fn put(store: &dyn Store, wanted: Observation, actor: &str, now: Millis) -> StoreResult<()> {
    let text = serde_json::to_string(&wanted).unwrap_or_default();
    let definition = Definition {
        kind: AlertingKind::Observation,
        name: "fleet".to_owned(),
        text: text.clone(),
        sealed: None,
        changed_at: now,
        changed_by: actor.to_owned(),
    };
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "observation.put".into(),
        object: "observation".into(),
        detail: text,
    };
    store.put_definition(&definition, &audit)
}

/// How it stands: what the configuration file says comes first.
pub fn standing(store: &dyn Store, configured: Option<bool>, now: Millis) -> StoreResult<Standing> {
    let first = store.first_enrolment()?;
    let observation = in_force(store, configured)?;
    Ok(Standing {
        until: observation.until(first, now),
        first,
        left: observation.left(first, now),
    })
}

/// What is in force: the configuration file's word, else what is kept.
pub fn in_force(store: &dyn Store, configured: Option<bool>) -> StoreResult<Observation> {
    Ok(match configured {
        // Whoever writes it into the file ends it there.
        Some(true) => Observation {
            days: u32::MAX / 2,
            until: None,
        },
        Some(false) => Observation::off(),
        None => kept(store)?,
    })
}
