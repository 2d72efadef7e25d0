//! Files import only what their room allows, and no two files import each other, directly or through others.
#![allow(clippy::unwrap_used, reason = "a source that cannot be read is a broken test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Item, UseTree};

/// Each room, and those that it may import. A room is a file of `src` with the folder of its name.
const ROOMS: [(&str, &[&str]); 14] = [
    ("diagnostics", &[]),
    ("suggest", &[]),
    ("cfg", &[]),
    ("parse", &["diagnostics", "suggest", "cfg"]),
    ("model", &["parse", "cfg"]),
    ("bind", &["model", "parse", "diagnostics", "suggest"]),
    ("signature", &["parse", "diagnostics"]),
    ("attribute", &["parse", "diagnostics", "cfg"]),
    ("dyn_compat", &["attribute", "parse", "diagnostics", "cfg"]),
    ("expand", &["model", "parse"]),
    ("catalogue", &["attribute", "bind", "expand", "model", "parse", "diagnostics", "cfg"]),
    ("fallback", &["signature", "parse", "diagnostics", "cfg"]),
    ("endpoint", &["attribute", "bind", "expand", "fallback", "model", "parse", "signature", "diagnostics"]),
    ("api", &["attribute", "catalogue", "cfg", "diagnostics", "dyn_compat", "endpoint", "fallback", "model", "parse"]),
];

#[test]
fn a_room_imports_only_what_it_may() {
    for (file, imports) in imports() {
        let room = file.split("::").next().unwrap();
        let (_, allowed) = ROOMS.iter().find(|(name, _)| *name == room).expect("every file is in a room");
        for import in imports {
            let other = import.split("::").next().unwrap();
            assert!(other == room || allowed.contains(&other), "`{file}` must not import `{import}`");
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let mut imports = imports();
    while let Some(file) = imports.keys().find(|file| imports[*file].is_empty()).cloned() {
        imports.remove(&file);
        for others in imports.values_mut() {
            others.remove(&file);
        }
    }
    assert!(imports.is_empty(), "there is a circle among {imports:#?}");
}

/// Each file, such as `parse::args`, with the files that its `use` items name.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "");
    let names: BTreeSet<String> = sources.keys().cloned().collect();
    let mut imports = BTreeMap::new();
    for (name, path) in &sources {
        let source = fs::read_to_string(path).unwrap();
        let mut paths = Vec::new();
        for item in syn::parse_file(&source).unwrap().items {
            match item {
                Item::Use(item) => leaves(&item.tree, String::new(), &mut paths),
                Item::Mod(module) if module.content.is_none() => paths.push(format!("self::{}::", module.ident)),
                _ => {}
            }
        }
        let inline = source.matches("crate::").count() - source.matches("$crate::").count();
        let used = source.matches("use crate::").count();
        assert_eq!(inline, used, "`{name}` names a path outside of a `use`");
        let found = paths.iter().filter_map(|path| file_of(path, name, &names)).filter(|found| found != name);
        imports.insert(name.clone(), found.collect());
    }
    imports
}

/// The longest file name that a path begins with.
fn file_of(path: &str, importer: &str, names: &BTreeSet<String>) -> Option<String> {
    let path = match path.split_once("::")? {
        ("crate", rest) => rest.to_owned(),
        ("self", rest) => format!("{importer}::{rest}"),
        (first, _) if names.contains(&format!("{importer}::{first}")) => format!("{importer}::{path}"),
        _ => return None,
    };
    names
        .iter()
        .filter(|name| path == **name || path.starts_with(&format!("{name}::")))
        .max_by_key(|name| name.len())
        .cloned()
}

fn leaves(tree: &UseTree, prefix: String, paths: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, format!("{prefix}{}::", path.ident), paths),
        UseTree::Name(name) => paths.push(format!("{prefix}{}", name.ident)),
        UseTree::Rename(name) => paths.push(format!("{prefix}{}", name.ident)),
        UseTree::Glob(_) => paths.push(prefix),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix.clone(), paths)),
    }
}

/// The files below a folder by their module names, without `lib.rs` and the tests.
fn sources(folder: &Path, prefix: &str) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
        if name == "lib" || name == "tests" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path, &format!("{name}::")));
        } else {
            found.insert(name, path);
        }
    }
    found
}
