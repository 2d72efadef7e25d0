#![doc = include_str!("promises.md")]
