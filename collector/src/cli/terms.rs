//! Words for what tables of commands name by a key, Chinese and English.

use deskwarden_domain::{
    model::{AssetState, DeviceStatus, FindingState, Lang, Outcome, Severity},
    register::{Kind, shown},
};

type Words = (&'static str, &'static str);

/// A state of a finding.
pub(super) const fn state(state: FindingState) -> Words {
    match state {
        FindingState::Open => ("待处理", "open"),
        FindingState::Acknowledged => ("处理中", "acknowledged"),
        FindingState::NoticeIssued => ("已发整改通知", "notice issued"),
        FindingState::Resolved => ("已消除", "resolved"),
        FindingState::Accepted => ("已接受变更", "accepted"),
        FindingState::Excepted => ("已批准例外", "excepted"),
        FindingState::FalsePositive => ("误报", "false positive"),
    }
}

/// How bad.
pub(super) const fn severity(severity: Severity) -> Words {
    match severity {
        Severity::Low => ("低", "low"),
        Severity::Medium => ("中", "medium"),
        Severity::High => ("高", "high"),
        Severity::Critical => ("严重", "critical"),
    }
}

/// What judging says.
pub(super) const fn outcome(outcome: Outcome) -> Words {
    match outcome {
        Outcome::Pass => ("符合", "pass"),
        Outcome::Fail => ("违反", "fail"),
        Outcome::CouldNotLook => ("无法检查", "could not look"),
    }
}

/// Where a device stands.
pub(super) const fn device(status: DeviceStatus) -> Words {
    match status {
        DeviceStatus::Pending => ("待批准", "pending"),
        DeviceStatus::Active => ("在用", "active"),
        DeviceStatus::Revoked => ("已吊销", "revoked"),
        DeviceStatus::Retired => ("已退役", "retired"),
    }
}

/// State of an asset, in the words of the register.
pub(super) fn asset(state: AssetState, lang: Lang) -> String {
    shown(Kind::State, state.name(), lang == Lang::Zh, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_its_language() {
        let mut all: Vec<Words> = FindingState::ALL.map(state).to_vec();
        all.extend(
            [
                Severity::Low,
                Severity::Medium,
                Severity::High,
                Severity::Critical,
            ]
            .map(severity),
        );
        all.extend([Outcome::Pass, Outcome::Fail, Outcome::CouldNotLook].map(outcome));
        let devices = [
            DeviceStatus::Pending,
            DeviceStatus::Active,
            DeviceStatus::Revoked,
            DeviceStatus::Retired,
        ];
        all.extend(devices.map(device));
        for (zh, en) in all {
            assert!(!zh.is_ascii() && en.is_ascii() && !en.contains('_'), "{zh} {en}");
        }
        for state in [
            AssetState::InUse,
            AssetState::Idle,
            AssetState::InRepair,
            AssetState::Scrapped,
            AssetState::Lost,
        ] {
            let (zh, en) = (asset(state, Lang::Zh), asset(state, Lang::En));
            assert!(!zh.is_ascii() && !en.contains('_'), "{zh} {en}");
        }
    }
}
