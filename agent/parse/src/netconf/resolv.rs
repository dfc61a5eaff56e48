//! `resolv.conf`: name servers and search domains of the PC.

use super::words;
use crate::text;

/// Who is asked for names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    /// Servers that are not the PC itself, in order.
    pub servers: Vec<String>,
    /// Search domains.
    pub search: Vec<String>,
}

/// Reads a resolver file. A server on the PC only hands on, so it is left out.
pub fn parse_resolv_conf(bytes: &[u8]) -> Resolver {
    let mut resolver = Resolver::default();
    for line in text::lines(bytes).take(1_000) {
        let line = text::decode(line);
        let mut fields = line.split_whitespace();
        match fields.next() {
            Some("nameserver") => {
                let server = fields.next().unwrap_or_default();
                let own = server.starts_with("127.") || server == "::1";
                if !own && !server.is_empty() && resolver.servers.len() < super::MAX_VALUES {
                    resolver.servers.push(server.to_owned());
                }
            }
            Some("search" | "domain") => {
                let domains = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
                resolver.search = words(domains)
                    .filter(|domain| *domain != ".")
                    .map(str::to_owned)
                    .collect();
            }
            _ => {}
        }
    }
    resolver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_on_the_pc_is_no_server() {
        let found = parse_resolv_conf(
            b"# x\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch corp.example lan\n",
        );
        assert_eq!(
            (found.servers, found.search.len()),
            (vec!["192.0.2.53".to_owned()], 2)
        );
    }
}
