//! What happens to the accounts of a history: usage, commands, versions, clocks, and facts that a fold fails on.

use bytes::Bytes;
use eventlog::{
    FORMAT, GENERATION, concat_record, control_record,
    proto::{CatalogueVersion, ClockAdvanced, ClockKind, Header, control},
};
use prost::Message;

use super::{
    chain::{AT, History, INBOXES},
    toy::{COMMAND, PANICS, Toy, UNREADABLE, USE},
};

const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];
/// One workspace on the wall clock, one on the log clock.
pub(super) const SPACES: [(&str, ClockKind); 2] = [("wall", ClockKind::Wall), ("log", ClockKind::Log)];

impl History {
    fn header(&mut self, workspace: &str, account: &str) -> Header {
        self.ids += 1;
        let id = u128::from(self.ids) + (u128::from(self.rng.draw()) << 64);
        Header {
            format: FORMAT,
            generation: GENERATION,
            workspace: workspace.into(),
            account: account.into(),
            id: Bytes::copy_from_slice(&id.to_be_bytes()),
            event_at: self.log.now(),
            ..Header::default()
        }
    }

    fn put(&mut self, header: Header, toy: Toy) {
        self.log.put(AT, concat_record(header, &toy.encode_to_vec()));
    }

    pub(super) fn put_catalogue(&mut self, space: usize) {
        let (name, clock) = SPACES[space];
        self.versions[space] += 1;
        let number = self.rng.below(9) + 1;
        let version = CatalogueVersion {
            version: self.versions[space],
            part: 1,
            parts: 1,
            clock: clock.into(),
            document: number.to_string().into(),
            ..CatalogueVersion::default()
        };
        let header = self.header(name, "");
        let record = control_record(header, control::Kind::CatalogueVersion(version));
        self.log.put(AT, record.clone());
        if self.rng.luck(300) {
            self.log.put(AT, record);
        }
    }

    /// Somebody says something.
    pub(super) fn put_fact(&mut self) {
        let ms = self.rng.below(200) as i64;
        self.log.advance(ms);
        let account = *self.rng.pick(&ACCOUNTS);
        let is_log = self.rng.luck(400);
        let luck = self.rng.below(1_000);
        let space = usize::from(is_log);
        match luck {
            0..600 if is_log => self.put_due(account),
            0..600 => {
                let header = self.header("wall", account);
                let a = 1 + self.rng.below(4) as i64;
                self.put(header, Toy { kind: USE, a, b: 0 });
            }
            600..720 => self.put_command(SPACES[space].0, account),
            720..760 => self.put_catalogue(space),
            760..800 => {
                let header = self.header("wall", account);
                let kind = *self.rng.pick(&[UNREADABLE, PANICS]);
                let a = self.rng.below(3) as i64;
                self.put(header, Toy { kind, a, b: 0 });
            }
            _ => self.put_clock(),
        }
    }

    /// A fact of the log-clock workspace, due after the clock of every inbox partition.
    fn put_due(&mut self, account: &str) {
        let header = self.header("log", account);
        let event_at = self.clocks.iter().max().copied().unwrap_or(0) + 1 + self.rng.below(1_500) as i64;
        let a = 1 + self.rng.below(4) as i64;
        self.put(Header { event_at, due_at: event_at, ..header }, Toy { kind: USE, a, b: 0 });
    }

    fn put_clock(&mut self) {
        let inbox = self.rng.below(u64::from(INBOXES)) as usize;
        self.clocks[inbox] += self.rng.below(1_500) as i64;
        let clock = ClockAdvanced {
            to_at: self.clocks[inbox],
            inbox_partition: inbox as u32,
            inbox_partitions: INBOXES,
        };
        let header = self.header("log", "");
        self.log.put(AT, control_record(header, control::Kind::ClockAdvanced(clock)));
    }

    fn put_command(&mut self, space: &'static str, account: &str) {
        let account = ACCOUNTS.iter().find(|name| **name == account).copied().unwrap_or("a");
        let again = self.rng.luck(300) && !self.commands.is_empty();
        let (id, space, account) =
            if again { *self.rng.pick(&self.commands) } else { (self.ids as i64 + 1, space, account) };
        self.commands.push((id, space, account));
        let header = self.header(space, account);
        let header = Header { request_id: header.id.clone(), ..header };
        self.put(header, Toy { kind: COMMAND, a: id, b: 0 });
    }
}
