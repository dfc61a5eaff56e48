//! Values of options: durations, networks, addresses, names of states.

use std::{net::IpAddr, time::Duration};

use deskwarden_domain::model::{AssetState, FindingState, LedgerMode, Millis, Role};

use super::CliError;
use crate::clock;

/// `90s`, `30m`, `24h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    let whole = number
        .parse::<u32>()
        .ok()
        .filter(|number| *number > 0 && seconds > 0);
    let whole = whole.ok_or("not a duration as 90s, 30m, 24h or 7d")?;
    Ok(Duration::from_secs(u64::from(whole) * seconds))
}

/// An address, in its canonical spelling.
pub(super) fn address(text: &str) -> Result<String, String> {
    text.parse::<IpAddr>()
        .map(|ip| ip.to_string())
        .map_err(|_| "not an IP address".to_owned())
}

/// A network as `10.1.0.0/16`.
pub(super) fn network(text: &str) -> Result<String, String> {
    let (ip, length) = text.split_once('/').ok_or("not a network as 10.1.0.0/16")?;
    let ip: IpAddr = ip
        .parse()
        .map_err(|_| "the part before `/` is not an IP address")?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.parse::<u8>().ok().filter(|length| *length <= longest);
    let length = length.ok_or_else(|| format!("the part after `/` is not a number from 0 to {longest}"))?;
    Ok(format!("{ip}/{length}"))
}

/// A hardware address, in its canonical spelling.
pub(super) fn mac(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err("not a hardware address as 00:1a:2b:3c:4d:5e".to_owned());
    }
    let pairs: Vec<String> = digits
        .to_ascii_lowercase()
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().map(|b| char::from(*b)).collect())
        .collect();
    Ok(pairs.join(":"))
}

/// State of an asset.
pub(super) fn asset_state(text: &str) -> Result<AssetState, String> {
    AssetState::by_name(text).ok_or_else(|| "one of in_use, idle, in_repair, scrapped, lost".to_owned())
}

/// State of a finding; `active` stands for all that somebody has to deal with.
pub(super) fn finding_states(text: &str) -> Result<Vec<FindingState>, String> {
    if text == "active" {
        return Ok(FindingState::ACTIVE.to_vec());
    }
    let names: Vec<&str> = FindingState::ALL.iter().map(|state| state.name()).collect();
    let state = FindingState::by_name(text).ok_or_else(|| format!("one of active, {}", names.join(", ")))?;
    Ok(vec![state])
}

/// Words of one line, as files have them.
pub(super) fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err("1 to 200 characters on one line".to_owned());
    }
    Ok(text.to_owned())
}

/// How an address is obtained.
pub(super) fn ledger_mode(text: &str) -> Result<LedgerMode, String> {
    match text {
        "static" => Ok(LedgerMode::Static),
        "dhcp" => Ok(LedgerMode::Dhcp),
        _ => Err("one of static, dhcp".to_owned()),
    }
}

/// What a person may do.
pub(super) fn role(text: &str) -> Result<Role, String> {
    Role::by_name(text).ok_or_else(|| "one of administrator, technician, rule_officer, auditor".to_owned())
}

/// A day as `2027-03-31` in the zone of the collector: its first moment, and that of the next day.
pub(super) fn day(option: &str, text: &str, zone: Millis) -> Result<(Millis, Millis), CliError> {
    clock::day(text, zone)
        .ok_or_else(|| CliError::Refused(format!("{option}: `{text}` is not a day as 2027-03-31")))
}

/// A sign-in name: lower case, no surprises.
pub(super) fn user_name(text: &str) -> Result<String, String> {
    crate::people::user_name(text).map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        for text in ["", "24", "h", "0h", "-1h", "1w", "99999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_and_addresses_are_checked() {
        assert_eq!(network("10.1.0.0/16").unwrap(), "10.1.0.0/16");
        assert_eq!(network("FD00::/8").unwrap(), "fd00::/8");
        for text in ["10.1.0.0", "10.1.0.0/33", "x/8", "::/129"] {
            assert!(network(text).is_err(), "{text}");
        }
        assert_eq!(mac("00-1A-2B-3C-4D-5E").unwrap(), "00:1a:2b:3c:4d:5e");
        assert!(mac("00:1a:2b").is_err() && mac("00:1a:2b:3c:4d:zz").is_err());
    }

    #[test]
    fn active_stands_for_what_has_to_be_dealt_with() {
        assert_eq!(finding_states("active").unwrap().len(), 3);
        assert!(finding_states("gone").is_err());
    }
}
