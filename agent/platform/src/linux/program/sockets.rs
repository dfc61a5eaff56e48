//! The sockets of the own network namespace, and which program holds one: the links in `proc/PID/fd`. Walks
//! those only for sockets that were not asked for before, and stops when all are found.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    procnet::{Socket, parse_sockets},
    sockdiag::{self, Question, states},
};

use super::Running;
use crate::{Root, Unavailable, linux::rtnl};

const MAX_TABLE: usize = 32 << 20;
const MAX_DESCRIPTORS: usize = 100_000;
/// How long a look at the tables is one moment.
const FRESH_MS: u64 = 200;
/// A socket that nobody was seen to hold is asked for again after this time: the walk is the dearest of all looks.
const AGAIN_MS: u64 = 60 * 60 * 1_000;

/// Protocol of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::linux) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// As keys and facts spell it.
    pub(in crate::linux) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The kernel's tables: as a file, and as a question for the states that anybody here wants.
const TABLES: [(Protocol, &str, Question); 4] = [
    (Protocol::Tcp, "proc/net/tcp", tcp(false)),
    (Protocol::Tcp, "proc/net/tcp6", tcp(true)),
    (Protocol::Udp, "proc/net/udp", udp(false)),
    (Protocol::Udp, "proc/net/udp6", udp(true)),
];

const fn tcp(six: bool) -> Question {
    Question {
        six,
        protocol: 6,
        states: states::LISTENING | states::CONNECTED,
    }
}

const fn udp(six: bool) -> Question {
    Question {
        six,
        protocol: 17,
        states: states::UNCONNECTED,
    }
}

/// The tables of one moment: listening, connected and waiting sockets. The kernel walks through every bucket of
/// its own for each, so sources that are read one after the other share one look.
#[derive(Default)]
pub(in crate::linux) struct Tables(Mutex<Option<(u64, Look)>>);

/// What the tables gave.
#[derive(Clone, Debug, Default)]
pub(in crate::linux) struct Look {
    /// Sockets of every table.
    pub(in crate::linux) sockets: Vec<(Protocol, Socket)>,
    /// How many tables there are; none without a running system.
    pub(in crate::linux) tables: usize,
    /// What could not be read.
    pub(in crate::linux) faults: Vec<Unavailable>,
}

impl Tables {
    /// The tables as they were at most a moment before `now_ms`.
    pub(in crate::linux) fn look(&self, root: &Root, now_ms: u64) -> Look {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, look)) = &*last
            && root.is_host()
            && now_ms.saturating_sub(*at) < FRESH_MS
        {
            return look.clone();
        }
        let mut look = Look::default();
        // A kernel that cannot be asked about sockets, or not about those of a family, still has its files:
        // after the first refusal it is not asked again.
        let mut asked = root
            .is_host()
            .then(rtnl::Socket::open_sockets)
            .and_then(Result::ok);
        for (protocol, path, question) in TABLES {
            let found = asked.as_mut().and_then(|socket| ask(socket, question));
            asked = asked.filter(|_| found.is_some());
            if let Some(found) = found {
                look.tables += 1;
                look.sockets
                    .extend(found.into_iter().map(|socket| (protocol, socket)));
                continue;
            }
            match root.read_limited(path, MAX_TABLE) {
                Ok(Some(bytes)) => {
                    look.tables += 1;
                    look.sockets
                        .extend(parse_sockets(&bytes).into_iter().map(|socket| (protocol, socket)));
                }
                Ok(None) => {}
                Err(why) => look.faults.push(why),
            }
        }
        *last = Some((now_ms, look.clone()));
        look
    }
}

fn ask(socket: &mut rtnl::Socket, question: Question) -> Option<Vec<Socket>> {
    let request = |sequence| sockdiag::dump_request(question, sequence);
    socket
        .dump_of(request, sockdiag::BY_FAMILY, sockdiag::parse_socket)
        .ok()
}

/// Programs of sockets, remembered while the socket lives.
#[derive(Default)]
pub(in crate::linux) struct SocketOwners(Mutex<HashMap<u64, Holder>>);

enum Holder {
    Program(String),
    /// Nobody was seen to hold it at that time.
    NobodyAt(u64),
}

impl SocketOwners {
    /// Executable of each inode that a program was found for. Asks what runs only where that is not known yet.
    pub(in crate::linux) fn programs(
        &self,
        root: &Root,
        inodes: &BTreeSet<u64>,
        now_ms: u64,
        running: impl FnOnce() -> Vec<Running>,
    ) -> HashMap<u64, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|inode, holder| {
            let lasts = match holder {
                Holder::Program(_) => true,
                Holder::NobodyAt(then) => now_ms.saturating_sub(*then) < AGAIN_MS,
            };
            lasts && inodes.contains(inode)
        });
        let missing: BTreeSet<u64> = inodes
            .iter()
            .copied()
            .filter(|inode| *inode != 0 && !known.contains_key(inode))
            .collect();
        if !missing.is_empty() {
            search(root, missing, &running(), now_ms, &mut known);
        }
        let programs = known.iter().filter_map(|(inode, holder)| match holder {
            Holder::Program(program) => Some((*inode, program.clone())),
            Holder::NobodyAt(_) => None,
        });
        programs.collect()
    }
}

fn search(
    root: &Root,
    mut missing: BTreeSet<u64>,
    running: &[Running],
    now_ms: u64,
    known: &mut HashMap<u64, Holder>,
) {
    // The first process opens sockets for services that it starts later: it is the answer only where
    // no service holds the socket.
    let (first, others): (Vec<_>, Vec<_>) = running.iter().partition(|process| process.pid == 1);
    for process in others.into_iter().chain(first) {
        if missing.is_empty() {
            break;
        }
        // None where it is gone or may not be looked at.
        root.each_link(&format!("proc/{}/fd", process.pid), MAX_DESCRIPTORS, |target| {
            if let Some(inode) = inode(target).filter(|inode| missing.remove(inode)) {
                known.insert(inode, Holder::Program(process.exe.clone()));
            }
        });
    }
    known.extend(missing.into_iter().map(|inode| (inode, Holder::NobodyAt(now_ms))));
}

/// `socket:[12345]`
fn inode(target: &[u8]) -> Option<u64> {
    let inside = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inside).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        net::{TcpListener, TcpStream, UdpSocket},
        os::unix::fs::symlink,
    };

    fn running(pid: u32, exe: &str) -> Running {
        Running {
            pid,
            exe: exe.to_owned(),
            deleted: false,
        }
    }

    #[test]
    fn a_service_goes_before_the_first_process_that_opened_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        for (pid, inodes) in [(1, vec![7, 8]), (50, vec![7, 9])] {
            let place = folder.path().join(format!("proc/{pid}/fd"));
            fs::create_dir_all(&place).unwrap();
            for inode in inodes {
                symlink(format!("socket:[{inode}]"), place.join(inode.to_string())).unwrap();
            }
            symlink("/dev/null", place.join("0")).unwrap();
        }
        let root = Root::at(folder.path());
        let owners = SocketOwners::default();
        let processes = [running(1, "/sbin/init"), running(50, "/usr/sbin/sshd")];
        let found = owners.programs(&root, &BTreeSet::from([0, 7, 8, 99]), 0, || processes.to_vec());
        assert_eq!(found.get(&7).map(String::as_str), Some("/usr/sbin/sshd"));
        assert_eq!(found.get(&8).map(String::as_str), Some("/sbin/init"));
        assert_eq!(found.len(), 2);
        let not_asked = || panic!("what is known is not asked again");
        assert_eq!(
            owners
                .programs(&root, &BTreeSet::from([7, 99]), AGAIN_MS - 1, not_asked)
                .len(),
            1
        );
        let asked = std::cell::Cell::new(false);
        owners.programs(&root, &BTreeSet::from([7, 99]), AGAIN_MS, || {
            asked.set(true);
            Vec::new()
        });
        assert!(asked.get(), "nobody held socket 99 an hour ago");
    }

    #[test]
    fn asking_the_kernel_gives_what_its_tables_give() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let udp = UdpSocket::bind("[::]:0").unwrap();
        let own = [
            tcp.local_addr().unwrap().port(),
            peer.local_addr().unwrap().port(),
            udp.local_addr().unwrap().port(),
        ];
        let mut asked = rtnl::Socket::open_sockets().unwrap();
        for (protocol, path, question) in TABLES {
            let Some(mut found) = ask(&mut asked, question) else {
                assert_eq!(
                    protocol,
                    Protocol::Udp,
                    "every kernel of a distribution answers for TCP: {path}"
                );
                continue;
            };
            let bytes = Root::host().read_limited(path, MAX_TABLE).unwrap().unwrap();
            let mut table = parse_sockets(&bytes);
            // Others open and close sockets meanwhile.
            for sockets in [&mut found, &mut table] {
                sockets.retain(|socket| own.contains(&socket.local_port));
                sockets.sort_by_key(|socket| (socket.local_port, socket.inode));
            }
            assert_eq!(found, table, "{path}");
        }
    }
}
