//! A program that calls MeetBit over TLS. Everything is in its tests.
