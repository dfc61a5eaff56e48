//! `observation`: the first days of a new fleet, with one summary a day instead of alerts.

use clap::Subcommand;
use deskwarden_domain::alerting::{MOST_DAYS, Observation};
use serde_json::json;

use crate::{clock::rfc3339, observation};

use super::{
    CliError,
    out::Out,
    session::{ACTOR, Session, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum ObservationCommand {
    /// Whether it is on, and for how long
    Show,
    /// One summary a day for so many days from now on
    On {
        /// Days
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
        days: u32,
    },
    /// Alerts at once from now on
    Off,
}

pub(super) fn run(command: ObservationCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let (store, at) = (session.store.as_ref(), now());
    let wanted = match command {
        ObservationCommand::Show => None,
        ObservationCommand::On { days } => Some(Observation::from_now(days, at)),
        ObservationCommand::Off => Some(Observation::off()),
    };
    if let Some(wanted) = wanted {
        if session.config.observation.is_some() {
            return Err(CliError::refused(
                "the configuration file says `observation`: change it there, or take it out",
            ));
        }
        observation::put(store, wanted, ACTOR, at)?;
    }
    let standing = observation::standing(store, session.config.observation, at)?;
    let value = json!({
        "on": standing.left.is_some(),
        "days_left": standing.left,
        "until": standing.until.filter(|_| standing.left.is_some()).map(rfc3339),
        "began": standing.first.map(rfc3339),
    });
    match standing.left {
        Some(left) => Ok(out.done(
            &value,
            &format!("观察期：还剩 {left} 天。照常检查，每天汇总一次，不即时告警。"),
            &format!(
                "Observing: {left} days left. Findings are made as usual; one summary a day, no alerts."
            ),
        )?),
        None => Ok(out.done(
            &value,
            "不在观察期：问题即时告警。",
            "Not observing: alerts go out at once.",
        )?),
    }
}
