//! Settings as the desktop's and the network's own tools write them: dconf, NetworkManager, netplan, flatpak.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use anyhow::Result;

use crate::{distribution::Distribution, program};

impl Distribution {
    /// Compiles key files of dconf into the database at `place`.
    ///
    /// # Errors
    /// When dconf refuses.
    pub fn dconf(&self, place: &str, keys: &str) -> Result<()> {
        let folder = self.work().join("dconf.d");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("00-all"), keys)?;
        let file = self.file(place);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        program::finish(Command::new("dconf").arg("compile").arg(&file).arg(&folder)).map(drop)
    }

    /// A connection as NetworkManager writes it, with the arguments of `nmcli connection add`.
    ///
    /// # Errors
    /// When nmcli refuses.
    pub fn connection(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("nmcli");
        command.args(["--offline", "connection", "add", "con-name", name]);
        let text = program::finish(command.args(arguments))?;
        let place = format!("etc/NetworkManager/system-connections/{name}.nmconnection");
        self.write(&place, &text)?;
        fs::set_permissions(self.file(&place), fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// A setting as netplan writes it.
    ///
    /// # Errors
    /// When netplan refuses.
    pub fn netplan(&self, setting: &str) -> Result<()> {
        fs::create_dir_all(self.file("etc/netplan"))?;
        let mut command = Command::new("netplan");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["set", "--root-dir"]).arg(self.path());
        program::finish(command.arg(setting)).map(drop)
    }

    /// An application that flatpak itself exported and installed for the whole PC.
    ///
    /// # Errors
    /// When flatpak refuses.
    pub fn flatpak(&self, id: &str, name: &str, version: &str) -> Result<()> {
        let build = self.work().join("flatpak");
        let write = |place: String, text: String| -> Result<()> {
            let file = build.join(place);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            Ok(fs::write(file, text)?)
        };
        write(
            "metadata".to_owned(),
            format!(
                "[Application]\nname={id}\nruntime=org.example.Platform/x86_64/23.08\nsdk=org.example.Sdk/x86_64/23.08\ncommand=run\n"
            ),
        )?;
        write("files/bin/run".to_owned(), "#!/bin/sh\n".to_owned())?;
        write(
            format!("files/share/metainfo/{id}.metainfo.xml"),
            format!(
                "<?xml version=\"1.0\"?><component type=\"desktop-application\"><id>{id}</id><releases><release version=\"{version}\" date=\"2024-01-01\"/><release version=\"0.1\" date=\"2020-01-01\"/></releases></component>"
            ),
        )?;
        write(
            format!("export/share/applications/{id}.desktop"),
            format!("[Desktop Entry]\nType=Application\nName={name}\nExec=run\n"),
        )?;
        let repository = self.work().join("repository");
        let flatpak = |arguments: &[&str]| {
            let mut command = Command::new("flatpak");
            command
                .env("FLATPAK_SYSTEM_DIR", self.file("var/lib/flatpak"))
                .env("HOME", self.work())
                .args(arguments);
            command
        };
        let mut export = flatpak(&["build-export", "--arch=x86_64"]);
        program::finish(export.arg(&repository).arg(&build))?;
        let mut remote = flatpak(&["--system", "remote-add", "--no-gpg-verify", "test"]);
        program::finish(remote.arg(&repository))?;
        let install = [
            "--system",
            "install",
            "--noninteractive",
            "--no-deps",
            "--arch=x86_64",
            "test",
            id,
        ];
        program::finish(&mut flatpak(&install)).map(drop)
    }
}
