//! `check-config`: everything that can be wrong before a start, without starting anything.

use serde_json::json;

use crate::{config::Config, notify, vouch::Vouchers};

use super::{CliError, Common, out::Out, rules, session};

pub(super) fn run(common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    let config = session::config(common)?;
    let mut faults = Vec::new();
    faults.extend(notify::faults(&config.channels));
    let (_, templates) = notify::Templates::load(&config.templates_dir);
    faults.extend(templates.iter().map(ToString::to_string));
    check_certificate(&config, &mut faults);
    faults.extend(Vouchers::of(&config.people).err().map(|error| error.to_string()));
    if config.rules_dir.is_dir()
        && let Err(found) = rules::load(Some(&config.rules_dir))?
    {
        faults.extend(
            found
                .iter()
                .map(|fault| format!("{}/{fault}", config.rules_dir.display())),
        );
    }
    if !faults.is_empty() {
        return Err(CliError::Refused(faults.join("\n")));
    }
    let value = json!({
        "ok": true,
        "data_dir": config.data_dir,
        "agents": config.agents.listen.to_string(),
        "dashboard": config.dashboard.listener.listen.to_string(),
        "rules_dir": config.rules_dir,
        "channels": config.channels.iter().map(|channel| &channel.name).collect::<Vec<_>>(),
    });
    Ok(out.done(&value, "配置没有错误。", "The configuration has no faults.")?)
}

fn check_certificate(config: &Config, faults: &mut Vec<String>) {
    if let Some((certificate, key)) = &config.dashboard.certificate
        && let Err(error) = crate::pki::Identity::configured(certificate, key)
    {
        faults.push(format!("dashboard: {error}"));
    }
}
