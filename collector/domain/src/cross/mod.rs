//! Rules over several devices (PC 3.1.1, 3.1.4.3, 3.2.1, 3.2.4, 3.2.5, 3.2.7): what claims about one value say together.
//! Pure: a picture of the touched values goes in, findings come out, whatever the order of the claims.
//! Who loads the picture and when is the matter of the collector's task.

mod address;
mod findings;
mod gateway;
mod licence;
mod machine;
mod media;
mod part;
mod picture;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{About, Alert, Finding, FindingHistory, FindingKey, Holder, Millis},
    port::{Op, Picture, Value},
    rules::{Rule, RuleKind, RuleSet},
};

pub(crate) use findings::{Out, Shown};
pub use seen::Seen;

/// One breach: who, about what it is called, and what was seen.
struct Breach {
    holder: Holder,
    name: String,
    seen: Seen,
}

/// What judging says. Only differences to the stored findings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossVerdict {
    /// Findings new or changed.
    pub findings: Vec<Finding>,
    /// Steps in their lives.
    pub history: Vec<(FindingKey, FindingHistory)>,
    /// Who is to be told.
    pub alerts: Vec<Alert>,
    /// Values to look at again without a report, and when: a breach within its grace.
    pub again: Vec<(Value, Millis)>,
}

impl CrossVerdict {
    /// The verdict as operations. Assets whose findings changed are due: their outcomes follow.
    pub fn into_ops(self) -> Vec<Op> {
        let due: BTreeSet<_> = self
            .findings
            .iter()
            .filter_map(|finding| finding.key.holder.asset())
            .collect();
        let mut ops: Vec<Op> = self.findings.into_iter().map(Op::PutFinding).collect();
        ops.extend(
            self.history
                .into_iter()
                .map(|(finding, step)| Op::History { finding, step }),
        );
        ops.extend(self.alerts.into_iter().map(Op::Alert));
        ops.extend(due.into_iter().map(|asset| Op::Due { asset }));
        ops.extend(self.again.into_iter().map(|(value, at)| Op::Touch {
            kind: value.kind,
            value: value.value,
            at,
        }));
        ops
    }
}

/// Judges values from a picture that holds them. The same picture gives the same verdict, in whatever order
/// its rows came.
pub fn judge_claims(values: &[Value], picture: &Picture, rules: &RuleSet, now: Millis) -> CrossVerdict {
    let mut verdict = CrossVerdict::default();
    let values: BTreeSet<&Value> = values.iter().collect();
    for value in values {
        let mut found: BTreeMap<(&str, Holder), (&Rule, Breach)> = BTreeMap::new();
        for rule in rules.rules() {
            let RuleKind::Cross { about, more_than } = rule.kind else {
                continue;
            };
            if about.kind() != value.kind {
                continue;
            }
            for breach in breaches(about, more_than, value, picture) {
                let covered = match breach.holder.asset() {
                    Some(asset) => picture
                        .assets
                        .get(&asset)
                        .is_some_and(|known| rule.scope.covers(&known.asset)),
                    None => true,
                };
                if covered {
                    found.insert((&rule.id, breach.holder.clone()), (rule, breach));
                }
            }
        }
        findings::derive(value, found, picture, rules, now, &mut verdict);
    }
    verdict
}

fn breaches(about: About, more_than: u64, value: &Value, picture: &Picture) -> Vec<Breach> {
    match about {
        About::AddressStolen => address::stolen(&value.value, picture),
        About::AddressConflict => address::conflict(&value.value, picture),
        About::AddressUnassigned => address::unassigned(&value.value, picture),
        About::GatewayChanged => gateway::changed(&value.value, picture),
        About::ManyAddresses => machine::many_addresses(&value.value, more_than, picture),
        About::UnmanagedMachine => machine::unmanaged(&value.value, picture),
        About::PartMoved => part::moved(&value.value, picture),
        About::MediaUnregistered => media::unregistered(&value.value, picture),
        About::LicenceOverused => licence::overused(&value.value, picture),
    }
}
