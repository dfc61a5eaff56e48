//! axe-core, the usual judge of accessibility: fetched from npm when a test needs it, run in a page of the browser.
//! It is no part of the project and no dependency of it.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{browser::Browser, need, npm};

/// The version whose rules are meant.
const VERSION: &str = "4.14.1";

/// Serious and critical violations of the open page: the rule, and where.
const RUN: &str = "axe.run(document, {resultTypes: ['violations'], preload: false}).then(found => found.violations
    .filter(v => v.impact === 'serious' || v.impact === 'critical')
    .map(v => `${v.impact}: ${v.id}: ` + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.any.map(a => a.message).join('; ')).join(', ')))";

/// The script of axe-core; `None` is noted as not run.
pub fn script(test: &str) -> Option<String> {
    if !need::program(test, "npm") {
        return None;
    }
    match fetched() {
        Ok(script) => Some(script),
        Err(error) => {
            let why = format!("axe-core {VERSION} cannot be fetched from npm: {error:#}");
            need::missing(test, why.lines().next().unwrap_or_default());
            None
        }
    }
}

/// What axe-core says against the open page.
///
/// # Errors
/// When it does not run there.
pub fn violations(browser: &mut Browser, script: &str) -> Result<Vec<String>> {
    browser.evaluate(&format!("{script}; undefined"))?;
    let found = browser.evaluate(RUN)?;
    let list = found.as_array().context("axe-core answered no list")?;
    Ok(list
        .iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect())
}

/// Beside the programs of the tests, so that it is fetched once.
fn fetched() -> Result<String> {
    let folder = npm::fetched("axe-core", VERSION)?;
    let file = folder.join("node_modules/axe-core/axe.min.js");
    fs::read_to_string(&file).with_context(|| file.display().to_string())
}
