//! A process that forks after its first blocking call, as a prefork server or a daemon does.
//!
//! `forked_process URL` creates a customer, forks, and creates one more in each of the two processes. It fails if one of them
//! does.

use std::{env, process, thread, time::Duration};

use fork::{Fork, fork, waitpid};
use meetbit_tests::client::{builder, create};

fn main() {
    let url = env::args().nth(1).expect("a URL");
    let client = builder(&url).timeout(Duration::from_secs(10)).build().expect("the settings are fine");
    let wait = |marker| create(&client, marker).wait().map(drop).expect("the server answers");
    wait("first");
    match fork().expect("the system has room for a process") {
        Fork::Child => {
            thread::spawn(|| {
                thread::sleep(Duration::from_secs(20)); // twice the time of the call
                process::abort(); // the call hangs
            });
            wait("child");
        }
        Fork::Parent(child) => {
            wait("parent");
            assert_eq!(waitpid(child).expect("it is a child"), 0, "the child failed");
        }
    }
}
