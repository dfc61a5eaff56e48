//! A directory (RFC 4511): finds one person, binds as them with the password that was typed, and reads which groups
//! they are in. One connection per sign-in; every step has a limit of time.

use std::{fmt, net::TcpStream, sync::Arc, time::Duration};

use deskwarden_domain::model::{Vouched, Voucher};
use ldap3::{
    Ldap as Connection, LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchEntry,
    SearchOptions, StdStream, dn_escape, ldap_escape,
};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;

use super::{SetupError, VouchError, rights, sign_in_name};
use crate::{
    config::{Bind, Ldap, LdapServer, Secret},
    notify,
    outbound::{self, Guard},
};

/// Conversations that may be under way at once.
const AT_ONCE: usize = 8;
/// Most groups of one person that are read.
const GROUPS: i32 = 1_000;
/// Attributes that name an entry for good: of RFC 4530, and of Active Directory.
const ENTRY_UUID: &str = "entryUUID";
const OBJECT_GUID: &str = "objectGUID";

/// Result codes (RFC 4511, 4.1.9) by which a directory says no to a person: another password, or an account that may
/// not sign in now.
const NO: [u32; 5] = [19, 48, 49, 50, 53];
const SIZE_LIMIT: u32 = 4;

/// A directory.
pub struct Directory {
    config: Ldap,
    tls: Arc<ClientConfig>,
    turns: Semaphore,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

/// A person's entry.
struct Entry {
    dn: String,
    subject: String,
}

impl Directory {
    /// Reads the authority's certificate; connects to nothing.
    pub fn new(config: Ldap) -> Result<Self, SetupError> {
        let fault = |why: String| SetupError { kind: "ldap", why };
        let mut roots = RootCertStore::empty();
        match &config.ca_file {
            // An own authority is the only one: a public one's certificate for such a name is not the directory's.
            Some(file) => roots.add_parsable_certificates(
                notify::certificates(file).map_err(|error| fault(error.to_string()))?,
            ),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config,
            tls: Arc::new(tls),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Who that is, if the password is theirs. `name` is a [`sign_in_name`]. Without a group that gives a role, the
    /// roles are none.
    pub async fn check(self: &Arc<Self>, name: &str, password: Secret) -> Result<Vouched, VouchError> {
        // A bind with a name and no password succeeds and proves nothing (RFC 4513, 5.1.2).
        if password.reveal().is_empty() || password.reveal().contains('\0') {
            return Err(VouchError::Refused);
        }
        let turn = tokio::time::timeout(self.config.timeout, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(VouchError::Unreachable("too many sign-ins at once".into()));
        };
        let (this, name) = (Arc::clone(self), name.to_owned());
        // A task of its own: whatever an answer does to the code that reads it, it ends there.
        let task = tokio::spawn(async move { this.converse(&name, &password).await });
        task.await
            .map_err(|_| VouchError::Broken("an answer of the directory cannot be read".into()))?
    }

    async fn converse(&self, name: &str, password: &Secret) -> Result<Vouched, VouchError> {
        let mut connection = self.connect().await?;
        let vouched = match &self.config.bind {
            Bind::Service { dn, password: own } => {
                if !bind(&mut connection, self.config.timeout, dn, own).await? {
                    return Err(VouchError::Broken(format!(
                        "the directory refuses bind_dn {dn}: look at its password_file"
                    )));
                }
                let entry = self.find(&mut connection, name).await?;
                // Whoever is not there costs a bind, too: the time of an answer tells no names.
                let dn = entry.as_ref().map_or_else(
                    || format!("cn=nobody,{}", self.config.base),
                    |entry| entry.dn.clone(),
                );
                let groups = match &entry {
                    Some(entry) => self.groups(&mut connection, name, entry).await?,
                    None => Vec::new(),
                };
                let right = bind(&mut connection, self.config.timeout, &dn, password).await;
                match entry {
                    Some(entry) if right? => self.vouched(name, entry, &groups),
                    _ => Err(VouchError::Refused),
                }
            }
            Bind::Direct(template) => {
                let who = filled_dn(template, name);
                if !bind(&mut connection, self.config.timeout, &who, password).await? {
                    return Err(VouchError::Refused);
                }
                let entry = self.find(&mut connection, name).await?.ok_or_else(|| {
                    VouchError::Broken(format!(
                        "{name} may bind, but user_filter finds no such entry below {}",
                        self.config.base
                    ))
                })?;
                let groups = self.groups(&mut connection, name, &entry).await?;
                self.vouched(name, entry, &groups)
            }
        };
        connection.unbind().await.ok();
        vouched
    }

    fn vouched(&self, name: &str, entry: Entry, groups: &[String]) -> Result<Vouched, VouchError> {
        let (roles, sight) = rights(name, &self.config.groups, |group| {
            let group = plain_dn(group);
            groups.contains(&group)
        })?;
        Ok(Vouched {
            by: Voucher::Ldap,
            subject: entry.subject,
            name: name.to_owned(),
            roles,
            sight,
        })
    }

    /// To the first server that answers.
    async fn connect(&self) -> Result<Connection, VouchError> {
        let mut whys = Vec::new();
        for server in &self.config.servers {
            match self.connect_to(server).await {
                Ok(connection) => return Ok(connection),
                Err(why) => whys.push(format!("{}: {why}", server.url)),
            }
        }
        Err(VouchError::Unreachable(whys.join("; ")))
    }

    async fn connect_to(&self, server: &LdapServer) -> Result<Connection, String> {
        let (host, port, limit) = (server.host.clone(), server.port, self.config.timeout);
        let stream = tokio::task::spawn_blocking(move || open(&host, port, limit));
        let stream = tokio::time::timeout(limit * 2, stream)
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|error| error.to_string())??;
        let settings = LdapConnSettings::new()
            .set_conn_timeout(limit)
            .set_config(Arc::clone(&self.tls))
            .set_starttls(server.starttls)
            .set_std_stream(StdStream::Tcp(stream));
        let (driver, connection) = LdapConnAsync::with_settings(settings, &server.url)
            .await
            .map_err(|error| reason(&error))?;
        tokio::spawn(async move {
            if let Err(error) = driver.drive().await {
                tracing::debug!(%error, "a conversation with the directory was cut off");
            }
        });
        Ok(connection)
    }

    async fn find(&self, connection: &mut Connection, name: &str) -> Result<Option<Entry>, VouchError> {
        let filter = self.config.user_filter.replace("{user}", &ldap_escape(name));
        let attributes = [self.config.name_attribute.as_str(), ENTRY_UUID, OBJECT_GUID];
        let (mut found, code) = self
            .search(connection, &self.config.base, &filter, &attributes, 2)
            .await?;
        if found.len() > 1 || code == SIZE_LIMIT {
            return Err(VouchError::Broken(format!(
                "user_filter finds several entries for {name}: make it find one"
            )));
        }
        let Some(found) = found.pop() else { return Ok(None) };
        let entry = SearchEntry::construct(found);
        // A directory compares more loosely than accounts do: the name must be the one that was typed.
        let own = values(&entry, &self.config.name_attribute);
        if !own
            .iter()
            .any(|value| sign_in_name(value).as_deref() == Some(name))
        {
            return Ok(None);
        }
        let subject = subject(&entry);
        Ok(Some(Entry {
            dn: entry.dn,
            subject,
        }))
    }

    async fn groups(
        &self,
        connection: &mut Connection,
        name: &str,
        entry: &Entry,
    ) -> Result<Vec<String>, VouchError> {
        let filter = filled_filter(&self.config.group_filter, name, &entry.dn);
        // "1.1" asks for no attribute: only the names of the groups travel.
        let (found, _) = self
            .search(connection, &self.config.group_base, &filter, &["1.1"], GROUPS)
            .await?;
        Ok(found
            .into_iter()
            .map(|entry| plain_dn(&SearchEntry::construct(entry).dn))
            .collect())
    }

    async fn search(
        &self,
        connection: &mut Connection,
        base: &str,
        filter: &str,
        attributes: &[&str],
        most: i32,
    ) -> Result<(Vec<ResultEntry>, u32), VouchError> {
        let limit = self.config.timeout;
        let options = SearchOptions::new()
            .sizelimit(most)
            .timelimit(i32::try_from(limit.as_secs()).unwrap_or(i32::MAX));
        let answer = connection
            .with_search_options(options)
            .with_timeout(limit)
            .search(base, Scope::Subtree, filter, attributes)
            .await
            .map_err(|error| VouchError::Unreachable(reason(&error)))?;
        match answer.1.rc {
            0 | SIZE_LIMIT => Ok((answer.0, answer.1.rc)),
            code => Err(VouchError::Broken(format!(
                "the directory does not search below {base}: result {code} {}",
                notify::clean(&answer.1.text)
            ))),
        }
    }
}

/// Whether the directory takes name and password.
async fn bind(
    connection: &mut Connection,
    limit: Duration,
    dn: &str,
    password: &Secret,
) -> Result<bool, VouchError> {
    let answer = connection
        .with_timeout(limit)
        .simple_bind(dn, password.reveal())
        .await
        .map_err(|error| VouchError::Unreachable(reason(&error)))?;
    match answer.rc {
        0 => Ok(true),
        code if NO.contains(&code) => Ok(false),
        // There is no such entry, or the name is no DN: nobody's password.
        32 | 34 => Ok(false),
        code => Err(VouchError::Broken(format!(
            "the directory does not answer a bind with yes or no: result {code} {}",
            notify::clean(&answer.text)
        ))),
    }
}

fn open(host: &str, port: u16, limit: Duration) -> Result<TcpStream, String> {
    let places = outbound::resolve(host, port, &Guard::Named).map_err(|unreached| unreached.to_string())?;
    let mut last = String::new();
    for place in places {
        match TcpStream::connect_timeout(&place, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

fn reason(error: &LdapError) -> String {
    let text = match error {
        LdapError::Timeout { .. } => "no answer in time".to_owned(),
        other => other.to_string(),
    };
    notify::clean(&text)
}

/// A template of a DN takes the name as a value of a DN; of anything else (`{user}@corp.example`) as it is, because a
/// sign-in name holds nothing that means something there.
fn filled_dn(template: &str, name: &str) -> String {
    if template.contains('=') {
        template.replace("{user}", &dn_escape(name))
    } else {
        template.replace("{user}", name)
    }
}

fn filled_filter(filter: &str, name: &str, dn: &str) -> String {
    // In one pass: what stands in for one place is not searched for the other.
    let mut out = String::with_capacity(filter.len() + dn.len());
    let mut rest = filter;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (value, length) = if from.starts_with("{user}") {
            (ldap_escape(name), "{user}".len())
        } else if from.starts_with("{dn}") {
            (ldap_escape(dn), "{dn}".len())
        } else {
            ("{".into(), 1)
        };
        out.push_str(&value);
        rest = from.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Values of an attribute, whatever the case of its name.
fn values<'a>(entry: &'a SearchEntry, name: &str) -> &'a [String] {
    let found = entry
        .attrs
        .iter()
        .find(|(attribute, _)| attribute.eq_ignore_ascii_case(name));
    found.map_or(&[][..], |(_, values)| values.as_slice())
}

/// What names the entry for good; its DN where the directory has nothing better.
fn subject(entry: &SearchEntry) -> String {
    if let Some(uuid) = values(entry, ENTRY_UUID).first() {
        return format!("uuid:{}", uuid.to_lowercase());
    }
    let binary = entry
        .bin_attrs
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(OBJECT_GUID))
        .and_then(|(_, values)| values.first().map(Vec::as_slice));
    // Sixteen bytes that happen to be text are read as text.
    let text = values(entry, OBJECT_GUID).first().map(String::as_bytes);
    match binary.or(text) {
        Some(bytes) => format!("guid:{}", data_encoding::HEXLOWER.encode(bytes)),
        None => format!("dn:{}", plain_dn(&entry.dn)),
    }
}

/// A DN in one way of writing it: lower case, no space around commas and equal signs.
fn plain_dn(dn: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut escaped = false;
    for c in dn.chars() {
        if c == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(part);
    let tidy = |part: &String| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => part.trim().to_owned(),
    };
    parts
        .iter()
        .map(tidy)
        .collect::<Vec<_>>()
        .join(",")
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_was_typed_means_nothing_in_a_filter_or_a_dn() {
        assert_eq!(
            filled_filter(
                "(|(member={dn})(memberUid={user}))",
                "*)(uid=*",
                "cn=a(b)*,dc={user}"
            ),
            "(|(member=cn=a\\28b\\29\\2a,dc={user})(memberUid=\\2a\\29\\28uid=\\2a))"
        );
        assert_eq!(
            filled_dn("uid={user},ou=people", "a,ou=admins"),
            "uid=a\\2cou\\3dadmins,ou=people"
        );
        assert_eq!(filled_dn("{user}@corp.example", "wang"), "wang@corp.example");
    }

    #[test]
    fn a_dn_is_one_however_it_is_written() {
        let plain = "cn=it\\, people,ou=groups,dc=corp";
        assert_eq!(plain_dn("CN=IT\\, People , OU = Groups,DC=corp"), plain);
        assert_eq!(plain_dn(plain), plain);
    }

    #[test]
    fn an_entry_is_named_by_what_stays() {
        let mut entry = SearchEntry {
            dn: "UID=wang, OU=people".into(),
            attrs: HashMap::new(),
            bin_attrs: HashMap::new(),
        };
        assert_eq!(subject(&entry), "dn:uid=wang,ou=people");
        entry.bin_attrs.insert("objectguid".into(), vec![vec![0xff, 1]]);
        assert_eq!(subject(&entry), "guid:ff01");
        entry.attrs.insert("entryUUID".into(), vec!["A-1".into()]);
        assert_eq!(subject(&entry), "uuid:a-1");
    }
}
