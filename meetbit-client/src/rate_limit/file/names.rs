//! The names of a file. Locks and logs are beside a file, so processes that use different names of it would not see each other's.

use std::fs;
use std::path::{Path, PathBuf};

/// More links in a row are a circle.
const MOST_LINKS: usize = 40;

/// The file to which links at the end of the path lead, so that all processes lock the same file, and replace it and not a link.
pub(super) fn without_links(path: PathBuf) -> PathBuf {
    let mut file = path.clone();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&file) else { break };
        file.pop();
        file.push(target);
    }
    // A device is an error, which names the link, and gets no lock beside it.
    if fs::metadata(&file).is_ok_and(|metadata| !metadata.is_file()) { path } else { file }
}

/// True if the file has a second hard link, or is a mount point, as a single file of a container is. Symbolic links are followed.
#[cfg(unix)]
pub(crate) fn has_another_name(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(path) = fs::canonicalize(path) else { return false };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(); // on Linux
    let is_mounted = |line: &str| line.split(' ').nth(4) == path.to_str();
    fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() > 1)
        || mounts.lines().any(is_mounted)
}

#[cfg(not(unix))]
pub(crate) fn has_another_name(_: &Path) -> bool {
    false
}
