//! Jobs sorted into rounds: which may share one load and one commit, and which must wait for the next.

use std::collections::{BTreeSet, HashMap};

use deskwarden_domain::port::{LoadRequest, Scope};
use deskwarden_proto::{decode::ValidBody, ids::DeviceId};

use super::job::Job;

/// Jobs of one device in a round while nobody else has any: few commits, and none that is long for whoever comes meanwhile.
const ALONE: usize = 16;
/// The same beside others: who sends as fast as it can keeps nobody waiting for more than these.
const SHARE: usize = 8;
/// Of a device beside others, as many as these or as the others have together: who comes with one job does not wait for
/// eight of another one's.
const BESIDE: usize = 2;

/// The jobs of one device, in order, and what they need.
pub(super) struct Work {
    pub(super) request: LoadRequest,
    pub(super) jobs: Vec<Job>,
}

/// One round out of the jobs, and what must wait for the next: a second snapshot that completes, or one
/// whose chunks came in this round, of the same device; and what is more than a device's share.
pub(super) fn split(jobs: Vec<Job>) -> (Vec<Work>, Vec<Job>) {
    let mut counts: HashMap<DeviceId, usize> = HashMap::new();
    for job in &jobs {
        *counts.entry(job.device()).or_default() += 1;
    }
    let all = jobs.len();
    let share = |device: &DeviceId| match all - counts.get(device).copied().unwrap_or(all) {
        0 => ALONE,
        others => others.clamp(BESIDE, SHARE),
    };
    let mut works: Vec<Work> = Vec::new();
    let mut index: HashMap<DeviceId, usize> = HashMap::new();
    let mut full: BTreeSet<DeviceId> = BTreeSet::new();
    let mut deferred = Vec::new();
    for job in jobs {
        let device = job.device();
        if full.contains(&device) {
            deferred.push(job);
            continue;
        }
        let needs = job.needs();
        let known = index.get(&device).copied();
        match known.and_then(|at| works.get_mut(at)) {
            None => {
                index.insert(device, works.len());
                works.push(Work {
                    request: needs,
                    jobs: vec![job],
                });
            }
            Some(work) if work.jobs.len() >= share(&device) => {
                full.insert(device);
                deferred.push(job);
            }
            Some(work)
                if needs.staged.is_some() && (work.request.staged.is_some() || has_chunk(&work.jobs)) =>
            {
                full.insert(device);
                deferred.push(job);
            }
            Some(work) => {
                merge(&mut work.request, needs);
                work.jobs.push(job);
            }
        }
    }
    (works, deferred)
}

fn has_chunk(jobs: &[Job]) -> bool {
    jobs.iter().any(|job| {
        matches!(job, Job::Record { incoming, .. } if matches!(&incoming.payload.body, ValidBody::Chunk(_)))
    })
}

fn merge(into: &mut LoadRequest, from: LoadRequest) {
    into.staged = into.staged.or(from.staged);
    into.scope = both(std::mem::replace(&mut into.scope, Scope::Head), from.scope);
}

/// What is enough for either.
fn both(one: Scope, other: Scope) -> Scope {
    match (one, other) {
        (Scope::Everything, _) | (_, Scope::Everything) => Scope::Everything,
        (Scope::Head, scope) | (scope, Scope::Head) => scope,
        (
            Scope::Touched {
                mut items,
                mut sections,
            },
            Scope::Touched {
                items: more,
                sections: further,
            },
        ) => {
            items.extend(more);
            items.sort_unstable();
            items.dedup();
            for section in further {
                if !sections.contains(&section) {
                    sections.push(section);
                }
            }
            Scope::Touched { items, sections }
        }
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{decode::ItemId, v1::Section};

    use super::*;

    #[test]
    fn what_is_loaded_is_enough_for_each_job_of_a_device() {
        let touched = |keys: &[&str], sections: &[Section]| Scope::Touched {
            items: keys
                .iter()
                .map(|key| ItemId {
                    section: Section::Software,
                    source: "dpkg".into(),
                    key: (*key).into(),
                    principal: String::new(),
                })
                .collect(),
            sections: sections.to_vec(),
        };
        let (one, other) = (
            touched(&["b", "a"], &[Section::Os]),
            touched(&["a", "c"], &[Section::Os, Section::Part]),
        );
        let together = touched(&["a", "b", "c"], &[Section::Os, Section::Part]);
        for (one, other, enough) in [
            (Scope::Head, Scope::Head, Scope::Head),
            (Scope::Head, one.clone(), one.clone()),
            (Scope::Head, Scope::Everything, Scope::Everything),
            (one.clone(), Scope::Everything, Scope::Everything),
            (one, other, together),
        ] {
            assert_eq!(both(one.clone(), other.clone()), enough);
            assert_eq!(both(other, one), enough);
        }
    }
}
