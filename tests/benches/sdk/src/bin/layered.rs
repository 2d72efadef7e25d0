//! The SDK with a layer that does nothing.

use meetbit_client::Transport;
use tower::layer::layer_fn;

fn main() {
    sdk::run(|builder| builder.layer(layer_fn(|inner: Transport| inner)));
}
