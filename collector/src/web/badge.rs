//! Small marks that pages repeat: icons, severities, states, outcomes, looks. Fixed markup and our own
//! words only; nothing of an agent's passes here.

use std::fmt::{self, Display};

use askama::filters::HtmlSafe;
use deskwarden_domain::model::{
    ApprovalState, DeliveryState, DeviceStatus, FindingState, Lang, NoticeState, Outcome, Severity,
};
use deskwarden_proto::v1::Look;

use super::locale;

/// A coloured word with a sign, so that colour is never the only difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Badge {
    class: &'static str,
    sign: &'static str,
    words: &'static str,
}

impl Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, sign, words } = self;
        write!(
            f,
            "<span class=\"badge {class}\"><span class=\"sign\" aria-hidden=\"true\">{sign}</span>{words}</span>"
        )
    }
}

impl HtmlSafe for Badge {}

fn words(lang: Lang, family: &str, name: &str) -> &'static str {
    locale::find(lang, &format!("{family}.{name}")).unwrap_or("?")
}

/// How bad.
pub(super) fn severity(severity: Severity, lang: Lang) -> Badge {
    let (class, sign) = match severity {
        Severity::Critical => ("sev-critical", "▲▲"),
        Severity::High => ("sev-high", "▲"),
        Severity::Medium => ("sev-medium", "◆"),
        Severity::Low => ("sev-low", "●"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "severity", severity.name()),
    }
}

/// Class that colours a severity in charts.
pub(super) const fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "sev-critical",
        Severity::High => "sev-high",
        Severity::Medium => "sev-medium",
        Severity::Low => "sev-low",
    }
}

/// Where a finding stands.
pub(super) fn state(state: FindingState, lang: Lang) -> Badge {
    let (class, sign) = match state {
        FindingState::Open => ("st-open", "○"),
        FindingState::Acknowledged => ("st-seen", "◐"),
        FindingState::NoticeIssued => ("st-seen", "✉"),
        FindingState::Excepted => ("st-quiet", "≡"),
        FindingState::Accepted => ("st-good", "✓"),
        FindingState::FalsePositive => ("st-quiet", "✕"),
        FindingState::Resolved => ("st-good", "✓"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "state", state.name()),
    }
}

/// Where an approval stands.
pub(super) fn approval(state: ApprovalState, lang: Lang) -> Badge {
    let (class, sign) = match state {
        ApprovalState::InForce => ("st-good", "✓"),
        ApprovalState::Planned => ("st-seen", "◔"),
        ApprovalState::Ended => ("st-quiet", "–"),
        ApprovalState::Withdrawn => ("st-quiet", "✕"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "approval_state", state.name()),
    }
}

/// Where a notice stands.
pub(super) fn notice(state: NoticeState, overdue: bool, lang: Lang) -> Badge {
    let (class, sign, name) = match state {
        NoticeState::Issued if overdue => ("sev-high", "▲", "overdue"),
        NoticeState::Issued => ("st-open", "✉", state.name()),
        NoticeState::Rectified => ("st-good", "✓", state.name()),
        NoticeState::Closed => ("st-quiet", "–", state.name()),
    };
    Badge {
        class,
        sign,
        words: words(lang, "notice_state", name),
    }
}

/// What judging says.
pub(super) fn outcome(outcome: Outcome, lang: Lang) -> Badge {
    let (class, sign) = match outcome {
        Outcome::Pass => ("out-pass", "✓"),
        Outcome::Fail => ("out-fail", "✕"),
        Outcome::CouldNotLook => ("out-blind", "?"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "outcome", outcome.name()),
    }
}

/// Name of a look in the locales.
pub(super) const fn look_name(look: Look) -> &'static str {
    match look {
        Look::Unspecified => "unspecified",
        Look::Looked => "looked",
        Look::Partial => "partial",
        Look::Denied => "denied",
        Look::Unsupported => "unsupported",
        Look::Failed => "failed",
    }
}

/// How completely a source was looked at.
pub(super) fn look(look: Look, lang: Lang) -> Badge {
    let (class, sign) = match look {
        Look::Looked => ("out-pass", "✓"),
        Look::Partial => ("out-partial", "◐"),
        Look::Unsupported => ("st-quiet", "–"),
        Look::Denied | Look::Failed | Look::Unspecified => ("out-blind", "?"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "look", look_name(look)),
    }
}

/// Whether a device may report.
pub(super) fn device(status: DeviceStatus, lang: Lang) -> Badge {
    let (class, sign) = match status {
        DeviceStatus::Active => ("st-good", "✓"),
        DeviceStatus::Pending => ("st-seen", "◐"),
        DeviceStatus::Revoked => ("out-fail", "✕"),
        DeviceStatus::Retired => ("st-quiet", "–"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "device_status", status.name()),
    }
}

/// Where a delivery stands.
pub(super) fn delivery(state: DeliveryState, lang: Lang) -> Badge {
    let (class, sign) = match state {
        DeliveryState::Pending => ("st-seen", "◐"),
        DeliveryState::Delivered => ("st-good", "✓"),
        DeliveryState::Dead => ("out-fail", "✕"),
    };
    Badge {
        class,
        sign,
        words: words(lang, "delivery", state.name()),
    }
}

/// A line drawing of the navigation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Icon(&'static str);

/// The icon of a navigation entry.
pub(super) fn icon(name: &str) -> Icon {
    Icon(match name {
        "overview" => "M4 13h6V4H4zM14 20h6V11h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
        "findings" => "M12 4 3 19.5h18zM12 10v4.5M12 17v.2",
        "assets" => "M4 5h16v10H4zM9 20h6M12 15v5",
        "inspections" => "M9 4h6v3H9zM6 6h12v14H6zM9 14l2 2 4-5",
        "system" => "M3 12h4l2.5-6 5 12 2.5-6h4",
        "software" => "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13v7M13 16.5h7",
        "admissions" => "M4 4h9v16H4zM13 12h7M17 9l3 3-3 3",
        "notices" => "M5 4h14v16H5zM8 9h8M8 13h8M8 17h4",
        "approvals" => "M12 3 5 6v6c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6zM9 12l2.2 2.2L15.5 10",
        "ledger" => "M4 5h16v14H4zM4 10h16M4 15h16M10 5v14",
        "register" => "M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12M9 8h6M9 11h6",
        "rules" => "M6 3h9l4 4v14H6zM14 3v5h5M9 12h7M9 16h7",
        "alerts" => "M6 17V11a6 6 0 0 1 12 0v6l2 1H4zM10 21h4",
        "channels" => "M4 6h16v9H9l-5 4zM8 9.5h8M8 12h5",
        "tokens" => "M8 16a4 4 0 1 1 3.6-5.8H21v3.4h-2.4V16h-3.2v-2.4h-3.8A4 4 0 0 1 8 16M8 11.9v.2",
        "users" => {
            "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14a6.5 6.5 0 0 1 3.5 6"
        }
        "audit" => "M6 3h12v18H6zM9 8h6M9 12h6M9 16h3M15 15.5l1.3 1.3 2.2-2.6",
        "account" => "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M5 20a7 7 0 0 1 14 0",
        "search" => "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13M15.5 15.5 20 20",
        _ => "",
    })
}

impl Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{}\"/></svg>",
            self.0
        )
    }
}

impl HtmlSafe for Icon {}
