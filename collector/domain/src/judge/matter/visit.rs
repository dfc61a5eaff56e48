//! PCs of providers (OUT 13-14, 17): here only during their visits, only in the networks that are theirs, and
//! never without somebody who answers for them.

use std::{collections::BTreeSet, net::IpAddr};

use deskwarden_proto::v1::{AddressMode, InterfaceKind, Section, facet};

use super::{ASSET, Answer, Facts, Found};
use crate::{
    cross::Seen,
    judge::SILENT_AFTER,
    model::{AssetClass, AssetState, Millis},
    moment::day_text,
};

fn provider(facts: Facts<'_>) -> String {
    facts.state.asset.provider.clone().unwrap_or_default()
}

fn is_outsourced(facts: Facts<'_>) -> bool {
    facts.state.asset.class == AssetClass::Outsourced && facts.state.asset.state != AssetState::Scrapped
}

/// It was last heard outside every visit. `after` is how long it may stay beyond one.
pub(super) fn outside(after: Millis, facts: Facts<'_>) -> Answer {
    let state = facts.state;
    if !is_outsourced(facts) {
        return Answer::default();
    }
    let Some(heard) = state.device.last_seen_at else {
        return Answer::default();
    };
    let mut answer = Answer::default();
    let visits = &state.papers.visits;
    let within =
        |visit: &&crate::register::Visit| visit.from <= heard && heard <= visit.to.saturating_add(after);
    if let Some(end) = visits.iter().filter(within).map(|visit| visit.to).max() {
        // Heartbeats move what was last heard, and have nothing judged: so it is looked at after the end.
        let late = end.saturating_add(after).saturating_add(SILENT_AFTER);
        answer.again_at(late, facts.now);
        return answer;
    }
    let (who, day) = (provider(facts), day_text(heard));
    let last = visits
        .iter()
        .filter(|visit| visit.to < heard)
        .map(|visit| visit.to)
        .max();
    let (zh, en) = match last {
        Some(end) => (
            format!(
                "{who} 的设备在 {day} 接入，而其最近一次来访已于 {} 结束",
                day_text(end)
            ),
            format!(
                "a PC of {who} was here on {day}, after its last visit ended on {}",
                day_text(end)
            ),
        ),
        None => (
            format!("{who} 的设备在 {day} 接入，没有来访登记"),
            format!("a PC of {who} was here on {day}, and no visit was registered"),
        ),
    };
    answer.found.push(Found {
        subject: ASSET.to_owned(),
        name: who.clone(),
        seen: Seen::new(zh, en).with("provider", who).with("seen_day", day),
    });
    answer
}

/// It holds an address outside the networks of its provider.
pub(super) fn forbidden(facts: Facts<'_>) -> Answer {
    if !is_outsourced(facts) {
        return Answer::default();
    }
    let who = provider(facts);
    if who.trim().is_empty() {
        return Answer::blind("register: no provider is recorded; enter it with `asset set`");
    }
    let allowed = facts
        .state
        .papers
        .provider
        .as_ref()
        .map(|provider| &provider.subnets);
    let Some(allowed) = allowed.filter(|subnets| !subnets.is_empty()) else {
        let what = format!(
            "register: no networks are recorded for {who}; enter them with `provider set` as `subnets`"
        );
        return Answer::blind(what);
    };
    let mut answer = Answer::default();
    let addresses: BTreeSet<IpAddr> = facts
        .facets(Section::Network)
        .filter_map(|kind| match kind {
            facet::Kind::Network(network) => Some(network),
            _ => None,
        })
        .filter(|network| matches!(network.kind(), InterfaceKind::Ethernet | InterfaceKind::Wifi))
        .flat_map(|network| network.addresses)
        .filter(|address| {
            !address.configured_only
                && !matches!(address.mode(), AddressMode::LinkLocal | AddressMode::Autoconf)
        })
        .filter_map(|address| address.ip.parse::<IpAddr>().ok())
        .filter(|ip| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
            IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
        })
        .collect();
    for ip in addresses {
        if allowed.iter().any(|subnet| subnet.holds(ip)) {
            continue;
        }
        let networks: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let may = networks.join(" ");
        let seen = Seen::new(
            format!("{who} 的设备使用地址 {ip}，只允许 {may}"),
            format!("a PC of {who} uses {ip}; it may use {may}"),
        )
        .with("provider", who.as_str())
        .with("address", ip.to_string())
        .with("allowed", networks);
        answer.found.push(Found {
            subject: ip.to_string(),
            name: ip.to_string(),
            seen,
        });
    }
    if answer.found.is_empty() {
        answer.blind = facts.unseen(Section::Network);
    }
    answer
}

/// No provider is recorded for it, or nobody on our side answers for it.
pub(super) fn unsupervised(facts: Facts<'_>) -> Answer {
    if !is_outsourced(facts) {
        return Answer::default();
    }
    let (asset, papers) = (&facts.state.asset, &facts.state.papers);
    let answers = |name: Option<&str>| name.is_some_and(|name| !name.trim().is_empty());
    let of_provider = papers
        .provider
        .as_ref()
        .map(|provider| provider.responsible.as_str());
    let (zh, en) = if !answers(asset.provider.as_deref()) {
        (
            "外包设备没有登记服务商",
            "it is outsourced, but no provider is recorded",
        )
    } else if !answers(asset.responsible.as_deref()) && !answers(of_provider) {
        (
            "外包设备没有登记我方负责人",
            "it is outsourced, but nobody on our side answers for it",
        )
    } else {
        return Answer::default();
    };
    let mut answer = Answer::default();
    answer.found.push(Found {
        subject: ASSET.to_owned(),
        name: asset.name.clone(),
        seen: Seen::new(zh.to_owned(), en.to_owned()),
    });
    answer
}
