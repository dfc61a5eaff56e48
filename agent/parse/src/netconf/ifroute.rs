//! `routes` and `ifroute-*` files of wicked (openSUSE, SLES).

use std::net::IpAddr;

use crate::text;

/// Default gateways with the interface that each is behind; empty where the file leaves that open.
pub fn parse_routes(bytes: &[u8]) -> Vec<(IpAddr, String)> {
    text::lines(bytes)
        .filter_map(|line| {
            let line = text::decode(line);
            let mut fields = line.split_whitespace();
            let destination = fields.next()?;
            let gateway = fields.next()?.parse().ok()?;
            let (_mask, interface) = (fields.next(), fields.next().unwrap_or("-"));
            matches!(destination, "default" | "0.0.0.0/0" | "::/0").then(|| {
                let interface = if interface == "-" { "" } else { interface };
                (gateway, interface.to_owned())
            })
        })
        .take(super::MAX_VALUES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_default_routes_tell_a_gateway() {
        let file = b"# all\n10.0.0.0/8 192.0.2.9 - eth0\ndefault 192.0.2.1 - -\ndefault 192.0.2.2 - eth1\ndefault x\n";
        let found = parse_routes(file);
        let found: Vec<(String, &str)> = found
            .iter()
            .map(|(ip, on)| (ip.to_string(), on.as_str()))
            .collect();
        assert_eq!(
            found,
            [("192.0.2.1".to_owned(), ""), ("192.0.2.2".to_owned(), "eth1")]
        );
    }
}
