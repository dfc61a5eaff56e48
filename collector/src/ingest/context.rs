//! The rules in force, as judging and pages read them: loaded from the store once per generation.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskwarden_domain::{
    judge::{Context, Down, Graces},
    model::Millis,
    port::{Store, StoreError, StoreResult},
    rules::{RuleFile, RuleSet},
};
use tokio::sync::watch;
use tracing::error;

use crate::rules_dir::{licences, load_context};

/// How often a collector says that it is up.
pub const BEAT: Duration = Duration::from_secs(20);
/// Time without such a word after which nobody listened.
const UNHEARD: Millis = 60_000;
/// The longest time that a rule waits for anything: rules take a year at most.
const LONGEST: Millis = 400 * 86_400_000;

/// Rules by generation. Cloned handles share them.
pub struct Contexts {
    store: Arc<dyn Store>,
    current: Mutex<Context>,
    rules: watch::Sender<Arc<RuleSet>>,
}

impl Contexts {
    /// Loads what is in force. A stored file that this build cannot read is left out and reported: a start
    /// must not fail over it. Later, faulty rules never replace rules that work.
    pub fn load(store: Arc<dyn Store>) -> StoreResult<Self> {
        let context = load_context(store.as_ref())?;
        let rules = watch::Sender::new(Arc::clone(&context.rules));
        Ok(Self {
            store,
            current: Mutex::new(context),
            rules,
        })
    }

    /// What is in force, as last looked at.
    pub fn current(&self) -> Context {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says that this collector is up, and learns when none was. Blocks.
    pub fn listening(&self, now: Millis) -> StoreResult<()> {
        self.store.collector_up(now, UNHEARD)?;
        let down: Arc<[Down]> = self.store.collector_down(now - LONGEST)?.into();
        self.current.lock().unwrap_or_else(PoisonError::into_inner).down = down;
        Ok(())
    }

    /// Told of every change.
    pub fn rules(&self) -> watch::Receiver<Arc<RuleSet>> {
        self.rules.subscribe()
    }

    /// Looks at the generation, and loads the rules when it moved. Blocks.
    pub fn refresh(&self) -> StoreResult<Context> {
        let generation = self.store.context_generation()?;
        let before = self.current();
        if before.generation == generation {
            return Ok(before);
        }
        let rules = match read(self.store.as_ref()) {
            Ok(rules) => Arc::new(rules),
            Err(StoreError::Damaged(faults)) => {
                error!(%faults, "the rules in the store cannot be used; the rules before stay in force");
                before.rules
            }
            Err(other) => return Err(other),
        };
        let ranges = self.store.dhcp_ranges()?.into();
        let licences = licences(self.store.as_ref())?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let context = Context {
            generation,
            rules: Arc::clone(&rules),
            ranges,
            licences,
            down: Arc::clone(&current.down),
            graces: Graces::Kept,
        };
        *current = context.clone();
        drop(current);
        self.rules.send_replace(rules);
        Ok(context)
    }
}

fn read(store: &dyn Store) -> StoreResult<RuleSet> {
    let versions = store.rules_in_force()?;
    let files: Vec<RuleFile<'_>> = versions
        .iter()
        .map(|version| RuleFile {
            name: &version.file,
            content: &version.content,
        })
        .collect();
    RuleSet::load(&files).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        StoreError::Damaged(lines.join("\n"))
    })
}
