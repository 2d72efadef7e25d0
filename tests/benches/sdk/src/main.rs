//! The SDK as it is.

fn main() {
    sdk::run(|builder| builder);
}
