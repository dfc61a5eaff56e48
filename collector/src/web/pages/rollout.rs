//! The commands that bring the agent to PCs, per system, made from a token that was made just now: what
//! `deploy/docs/linux-rollout.md` and `windows-rollout.md` say, ready to be copied. Owns no token and keeps none.

use toml::Value;

/// Version of the packages, which is the collector's own.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the command of a single PC keeps the token for a moment.
const TOKEN_FILE: &str = "/etc/deskwarden/token";
/// Where a PC's answer file lies.
const ANSWER_FILE: &str = "/etc/deskwarden/enrol.toml";

/// What every way needs to know.
#[derive(Clone, Copy)]
pub(super) struct Bundle<'a> {
    /// `host:port` of the agents' port.
    pub(super) address: &'a str,
    /// Pin of the root.
    pub(super) pin: &'a str,
    /// The token itself.
    pub(super) secret: &'a str,
}

/// One way to bring the agent to PCs.
pub(super) struct Way {
    /// Member of the families `rollout_name` and `rollout_text`; also the element's id.
    pub(super) name: &'static str,
    /// What is copied.
    pub(super) command: String,
}

/// Every way, those first that are used most.
pub(super) fn ways(bundle: Bundle<'_>) -> Vec<Way> {
    let answers = answer_file(bundle);
    let left = format!("sudo install -D -m 600 /dev/stdin {ANSWER_FILE} <<'END'\n{answers}END\n");
    let deb = format!("./deskwarden-agent_{VERSION}_\"$(dpkg --print-architecture)\".deb");
    let rpm = format!("./deskwarden-agent-{VERSION}-1.\"$(uname -m)\".rpm");
    let seen = "systemctl is-active deskwarden-agent";
    let Bundle { address, pin, secret } = bundle;
    let way = |name, command| Way { name, command };
    vec![
        way("answers", answers),
        way(
            "msi",
            format!(
                "msiexec /i deskwarden-agent-{VERSION}.msi /qn COLLECTOR=https://{address} PIN={pin} TOKEN={secret}"
            ),
        ),
        way("deb", format!("{left}sudo apt-get install -y {deb}\n{seen}")),
        way("uos", format!("{left}sudo dpkg -i {deb}\n{seen}")),
        way("rpm", format!("{left}sudo rpm -U {rpm}\n{seen}")),
        way(
            "installed",
            format!("{left}sudo systemctl restart deskwarden-agent\n{seen}"),
        ),
        way("single", single(bundle)),
    ]
}

/// The answer file: beside the MSI, or at its place on a Linux PC.
fn answer_file(bundle: Bundle<'_>) -> String {
    let line = |name: &str, value: String| format!("{name} = {}\n", Value::String(value));
    [
        line("collector", format!("https://{}", bundle.address)),
        line("pin", bundle.pin.to_owned()),
        line("token", bundle.secret.to_owned()),
    ]
    .concat()
}

/// Enrols one PC by hand. The token goes through a pipe into a private file: a process list shows arguments.
fn single(bundle: Bundle<'_>) -> String {
    let Bundle { address, pin, secret } = bundle;
    format!(
        "echo '{secret}' | sudo install -D -m 600 /dev/stdin {TOKEN_FILE} && \\\nsudo deskwarden-agent enrol --collector https://{address} \\\n  --pin {pin} --token-file {TOKEN_FILE} && \\\nsudo rm {TOKEN_FILE}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: Bundle<'_> = Bundle {
        address: "desk.example:7443",
        pin: "sha256:00ff",
        secret: "dwt_x",
    };

    #[test]
    fn the_answer_file_says_address_pin_and_token() {
        let table: toml::Table = answer_file(BUNDLE).parse().unwrap();
        assert_eq!(table["collector"].as_str(), Some("https://desk.example:7443"));
        assert_eq!(table["pin"].as_str(), Some("sha256:00ff"));
        assert_eq!(table["token"].as_str(), Some("dwt_x"));
    }

    #[test]
    fn on_linux_no_program_gets_the_token_as_an_argument() {
        for way in ways(BUNDLE)
            .iter()
            .filter(|way| !matches!(way.name, "answers" | "msi"))
        {
            for line in way.command.lines().filter(|line| line.contains("dwt_x")) {
                let safe = line.starts_with("token = ") || line.starts_with("echo 'dwt_x' | sudo install");
                assert!(safe, "{}: {line}", way.name);
            }
        }
    }
}
