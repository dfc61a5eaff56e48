//! What `deskwarden-agent collect --json` said about a root.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{distribution::Installed, program};

/// A snapshot as the agent prints it.
#[derive(Clone, Debug)]
pub struct Collected(Value);

impl Collected {
    /// Of a root, by whoever runs the test.
    ///
    /// # Errors
    /// When the agent fails.
    pub fn of(root: &Path) -> Result<Self> {
        let mut command = Command::new(program::product("deskwarden-agent")?);
        Self::by(command.args(["collect", "--json", "--root"]).arg(root))
    }

    /// Of what a prepared `collect --json` prints.
    ///
    /// # Errors
    /// When the agent fails.
    pub fn by(command: &mut Command) -> Result<Self> {
        let text = program::finish(command)?;
        Ok(Self(
            serde_json::from_str(&text).context("collect printed no JSON")?,
        ))
    }

    /// Whether and how completely every source was looked at: `section/source` -> look and reason.
    pub fn looks(&self) -> BTreeMap<String, (String, String)> {
        let mut all = BTreeMap::new();
        for (section, content) in self.sections() {
            for source in content["sources"].as_array().into_iter().flatten() {
                let text = |name: &str| source[name].as_str().unwrap_or_default().to_owned();
                all.insert(
                    format!("{section}/{}", text("source")),
                    (text("look"), text("reason")),
                );
            }
        }
        all
    }

    /// How completely one source was looked at.
    pub fn look(&self, source: &str) -> String {
        self.looks()
            .remove(source)
            .map_or_else(String::new, |(look, _)| look)
    }

    /// Items of a source, named `section/source`; the values are `key`, `principal`, `facet` and `local`.
    pub fn items(&self, source: &str) -> Vec<&Value> {
        let (section, source) = source.split_once('/').unwrap_or((source, ""));
        self.0["sections"][section]["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| item["source"] == source)
            .collect()
    }

    /// Every item by section, source, key and principal.
    pub fn all_items(&self) -> BTreeMap<[String; 4], &Value> {
        let mut all = BTreeMap::new();
        for (section, content) in self.sections() {
            for item in content["items"].as_array().into_iter().flatten() {
                let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
                all.insert(
                    [section.clone(), text("source"), text("key"), text("principal")],
                    item,
                );
            }
        }
        all
    }

    /// The facet of a source's one item.
    ///
    /// # Errors
    /// When it has none or several.
    pub fn only(&self, source: &str) -> Result<&Value> {
        let items = self.items(source);
        ensure!(items.len() == 1, "{source} has {} items", items.len());
        Ok(&items[0]["facet"])
    }

    /// Packages that a source knows.
    pub fn packages(&self, source: &str) -> Vec<Installed> {
        let mut all: Vec<Installed> = self
            .items(source)
            .iter()
            .map(|item| {
                let text = |name: &str| item["facet"][name].as_str().unwrap_or_default().to_owned();
                Installed {
                    name: text("package"),
                    version: text("version"),
                    architecture: text("architecture"),
                }
            })
            .collect();
        all.sort();
        all
    }

    /// Proxies of every source: key -> value, whether it is in force is in the value's scheme.
    pub fn proxies(&self) -> BTreeMap<String, String> {
        self.0["sections"]["proxy"]["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&item["key"]), text(&item["facet"]["value"]))
            })
            .collect()
    }

    /// Nothing went wrong: a source was looked at, or does not apply here and says why.
    ///
    /// # Errors
    /// Every source that is partial, denied or failed, or has no reason for not applying.
    pub fn nothing_failed(&self) -> Result<()> {
        let wrong: Vec<String> = self
            .looks()
            .into_iter()
            .filter(|(_, (look, reason))| match look.as_str() {
                "looked" => !reason.is_empty(),
                "unsupported" => reason.is_empty(),
                _ => true,
            })
            .map(|(source, (look, reason))| format!("{source} is {look}: {reason}"))
            .collect();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    fn sections(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["sections"].as_object().into_iter().flatten()
    }
}
