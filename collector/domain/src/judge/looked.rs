//! What a rule could look at: the line between "passes" and "could not look".

use deskwarden_proto::{section, v1::Look};

use crate::{model::SourceStatus, rules::Need};

/// Whether everything that a rule needs was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// Completely.
    Completely,
    /// Not: the words say which source and why.
    Not(String),
}

/// A need is met when at least one matching source was looked at completely and none of them was denied,
/// failed or partial. A source that this machine does not support is no obstacle beside one that was.
pub(super) fn looked(needs: &[Need], sources: &[SourceStatus]) -> Looked {
    let mut obstacles = Vec::new();
    for need in needs {
        let mut complete = false;
        let mut unsupported = None;
        for source in sources.iter().filter(|s| need.covers(s.section, &s.source)) {
            match source.look {
                Look::Looked => complete = true,
                Look::Unsupported => unsupported = Some(source),
                Look::Partial | Look::Denied | Look::Failed | Look::Unspecified => {
                    obstacles.push(words(source))
                }
            }
        }
        match (complete, unsupported) {
            (true, _) => {}
            (false, Some(source)) => obstacles.push(words(source)),
            (false, None) if obstacles.is_empty() => {
                obstacles.push(format!("{}: not reported yet", section::name(need.section)));
            }
            (false, None) => {}
        }
    }
    if obstacles.is_empty() {
        Looked::Completely
    } else {
        Looked::Not(obstacles.join("; "))
    }
}

fn words(source: &SourceStatus) -> String {
    let look = match source.look {
        Look::Partial => "partial",
        Look::Denied => "denied",
        Look::Unsupported => "unsupported",
        Look::Looked => "looked",
        Look::Failed | Look::Unspecified => "failed",
    };
    format!(
        "{}/{}: {look}: {}",
        section::name(source.section),
        source.source,
        source.reason
    )
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::Section;

    use super::*;

    fn source(name: &str, look: Look) -> SourceStatus {
        SourceStatus {
            section: Section::Software,
            source: name.into(),
            look,
            reason: "why".into(),
            since: 0,
            first_looked_at: None,
        }
    }

    fn need(source: Option<&str>) -> Vec<Need> {
        vec![Need {
            section: Section::Software,
            source: source.map(str::to_owned),
        }]
    }

    #[test]
    fn one_complete_source_beside_an_unsupported_one_is_enough() {
        let sources = [source("dpkg", Look::Looked), source("rpm", Look::Unsupported)];
        assert_eq!(looked(&need(None), &sources), Looked::Completely);
    }

    #[test]
    fn denied_partial_failed_and_unknown_are_never_a_pass() {
        for look in [Look::Denied, Look::Partial, Look::Failed] {
            let sources = [source("dpkg", Look::Looked), source("snap", look)];
            assert!(
                matches!(looked(&need(None), &sources), Looked::Not(why) if why.contains("software/snap"))
            );
        }
        assert!(matches!(looked(&need(None), &[]), Looked::Not(_)));
        assert!(matches!(
            looked(&need(None), &[source("rpm", Look::Unsupported)]),
            Looked::Not(_)
        ));
    }

    #[test]
    fn a_named_source_is_the_only_one_that_counts() {
        let sources = [source("dpkg", Look::Looked), source("user-1000", Look::Denied)];
        assert_eq!(looked(&need(Some("dpkg")), &sources), Looked::Completely);
        assert!(matches!(looked(&need(Some("user-*")), &sources), Looked::Not(_)));
    }
}
