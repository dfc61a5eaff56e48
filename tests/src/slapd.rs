//! A real directory (OpenLDAP's slapd), private: in a folder of its own, on ports of this machine that were free.

use std::{fs, process::Command};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::{
    authority::Authority,
    need, ports,
    program::{self, Program},
    wait::{PATIENCE, eventually},
};

/// Below it is everything.
pub const SUFFIX: &str = "dc=office,dc=example";
/// Password of the account that may search.
pub const SERVICE_PASSWORD: &str = "such-konto 2026";
/// Everybody's password.
pub const PASSWORD: &str = "Verzeichnis-2026 (geheim)*";

/// Who works here: name, and the groups that they are in.
const PEOPLE: [(&str, &[&str]); 6] = [
    ("wang", &["desk"]),
    ("boss", &["it", "desk"]),
    ("zhou", &["service"]),
    ("li", &["kitchen"]),
    ("zhao", &["desk", "audit"]),
    ("admin", &["it"]),
];

/// The directory.
#[derive(Debug)]
pub struct Slapd {
    // Ended before its folder goes.
    program: Program,
    folder: TempDir,
    plain: u16,
    tls: u16,
}

impl Slapd {
    /// Whether there is one; notes the test as not run where there is none.
    pub fn is_there(test: &str) -> bool {
        need::program(test, "slapd") && need::program(test, "ldapmodify")
    }

    /// Starts it with the certificate of an authority. It takes a bind without a password as many directories do, so
    /// that what relies on a refusal is found out.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(authority: &Authority) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("deskwarden-slapd-").tempdir()?;
        fs::create_dir(folder.path().join("data"))?;
        let config = folder.path().join("slapd.conf");
        let entries = folder.path().join("office.ldif");
        fs::write(&config, configuration(&folder, authority))?;
        fs::write(&entries, people())?;
        program::finish(
            Command::new("slapadd")
                .arg("-f")
                .arg(&config)
                .arg("-l")
                .arg(&entries),
        )?;
        let (plain, tls) = (ports::free()?, ports::free()?);
        let urls = format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/");
        let mut command = Command::new("slapd");
        command.args(["-d", "0", "-h", &urls]).arg("-f").arg(&config);
        let mut program = Program::start("slapd", &mut command)?;
        eventually("slapd on its ports", PATIENCE, || {
            ensure!(!program.is_over()?, "it ended:\n{}", program.log());
            let listens = |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            Ok((listens(plain) && listens(tls)).then_some(()))
        })?;
        Ok(Self {
            program,
            folder,
            plain,
            tls,
        })
    }

    /// Port without encryption, and with StartTLS.
    pub fn plain(&self) -> u16 {
        self.plain
    }

    /// Port of ldaps.
    pub fn tls(&self) -> u16 {
        self.tls
    }

    /// Takes somebody out of a group, or puts them in.
    ///
    /// # Errors
    /// When the directory refuses.
    pub fn change(&self, group: &str, name: &str, verb: &str) -> Result<()> {
        let change = format!(
            "dn: cn={group},ou=groups,{SUFFIX}\nchangetype: modify\n{verb}: member\nmember: uid={name},ou=people,{SUFFIX}\n"
        );
        let file = self.folder.path().join("change.ldif");
        fs::write(&file, change)?;
        program::finish(
            Command::new("ldapmodify")
                .args(["-x", "-H", &format!("ldap://127.0.0.1:{}/", self.plain)])
                .args(["-D", &format!("cn=root,{SUFFIX}"), "-w", "root"])
                .arg("-f")
                .arg(&file),
        )
        .map(drop)
    }

    /// Ends it: nobody answers any more.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.program.stop().map(drop)
    }
}

fn configuration(folder: &TempDir, authority: &Authority) -> String {
    format!(
        r#"include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
allow bind_anon_cred bind_anon_dn
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
database mdb
suffix "{SUFFIX}"
rootdn "cn=root,{SUFFIX}"
rootpw root
directory {folder}/data
"#,
        folder = folder.path().display(),
        ca = authority.ca().display(),
        certificate = authority.certificate().display(),
        key = authority.key().display(),
    )
}

fn people() -> String {
    let mut text = format!(
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: office\no: office\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: cn=deskwarden,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: deskwarden\nuserPassword: {SERVICE_PASSWORD}\n\n"
    );
    for (name, _) in PEOPLE {
        text.push_str(&format!(
            "dn: uid={name},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             userPassword: {PASSWORD}\n\n"
        ));
    }
    for group in ["desk", "it", "service", "kitchen", "audit"] {
        text.push_str(&format!(
            "dn: cn={group},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {group}\nmember: cn=deskwarden,{SUFFIX}\n"
        ));
        for (name, groups) in PEOPLE {
            if groups.contains(&group) {
                text.push_str(&format!("member: uid={name},ou=people,{SUFFIX}\n"));
            }
        }
        text.push('\n');
    }
    text
}
