//! A directory for one test.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// A directory that is removed with its contents.
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// In memory, if the system has a place for that: what a process has written outlasts its death there too, and the tests
    /// wait for no disk.
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::on_disk() }
    }

    pub(crate) fn on_disk() -> Self {
        Self::within(&env::temp_dir())
    }

    fn within(place: &Path) -> Self {
        let path = place.join(format!("journal-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("journal.sqlite")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _may_be_in_use = fs::remove_dir_all(&self.0);
    }
}
