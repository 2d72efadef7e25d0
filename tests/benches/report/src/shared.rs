//! What a shared limit costs in each store.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::build;
use crate::table::{self, figure, ratio};
use crate::valgrind::Cost;

/// Calls under valgrind, and as many again.
const COUNTED: u32 = 200;

pub fn report() -> io::Result<()> {
    let program = build("shared-limit")?.join("shared-limit");
    let place = Place::new()?;
    let redis = Redis::start(&place)?;
    let file = place.0.join("limit.json").display().to_string();
    let stores = [("none", "none"), ("a file", &*file), ("Redis", &*redis.url)];
    let mut none = None;
    let mut rows = Vec::new();
    for (name, store) in stores {
        let cost = |calls: u32| Cost::of(&program, &[store, &calls.to_string()]);
        cost(1)?; // a store grants nothing to a tenant that it does not know
        let call = cost(2 * COUNTED)?.each(cost(COUNTED)?, COUNTED);
        let none = *none.get_or_insert(call.instructions);
        rows.push(vec![
            name.to_owned(),
            figure(call.instructions),
            ratio(call.instructions, none),
            figure(call.allocations),
            figure(call.bytes),
        ]);
    }
    table::print(
        "A shared limit",
        &["store", "instructions a call", "to none", "allocations", "bytes"],
        &rows,
        "Calls without a network, one after another, each of which is granted at once; a question and a report each. Of the \
         client's process in user mode: the system's work on the file, and Redis, are not in it.",
    );
    Ok(())
}

/// A directory that is removed with its contents.
struct Place(PathBuf);

impl Place {
    fn new() -> io::Result<Self> {
        let place = std::env::temp_dir().join(format!("shared-limit-{}", std::process::id()));
        std::fs::create_dir(&place)?;
        Ok(Self(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left_for_the_system = std::fs::remove_dir_all(&self.0);
    }
}

/// A Redis on a socket, which ends with this value.
struct Redis {
    child: Child,
    url: String,
}

impl Redis {
    fn start(place: &Place) -> io::Result<Self> {
        let socket = place.0.join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| {
            io::Error::other(format!("{error} (redis-server is needed: apt-get install redis-server)"))
        })?;
        while !socket.exists() {
            std::thread::yield_now();
        }
        Ok(Self { child, url: format!("unix://{}", socket.display()) })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
