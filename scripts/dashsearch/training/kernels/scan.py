"""The selective scan of one CPU thread: states of a window stay in the cache, none is stored.

The backward pass runs the recurrence again, window by window, as the published GPU kernel does.

References
----------
Gu & Dao (2023), *Mamba*, arXiv 2312.00752, section 3.3.2: fusion and recomputation.
"""

from typing import Any

import numpy as np

from dashsearch.training.kernels.compiled import compiled, exp_of_negative


@compiled
def scan(y: Any, inputs: Any) -> None:
    """Write the outputs (G, T, B, E) of `selective_scan`'s inputs, all contiguous float32."""
    delta, u, a, b, c = inputs
    groups, steps, batch, channels = delta.shape
    states = a.shape[1]
    y[:] = 0
    state = np.empty((states, channels), np.float32)
    for g in range(groups):
        for w in range(batch):
            state[:] = 0
            for t in range(steps):
                size, new, out = delta[g, t, w], u[g, t, w], y[g, t, w]
                for n in range(states):
                    rate, kept = a[g, n], state[n]
                    write, read = b[g, t, w, n], c[g, t, w, n]
                    for e in range(channels):
                        kept[e] = exp_of_negative(size[e] * rate[e]) * kept[e] + new[e] * write
                        out[e] += read * kept[e]


@compiled
def scan_gradients(gradients: Any, inputs: Any, outer: Any) -> None:
    """Write the gradients of the inputs from those of the outputs, (G, T, B, E)."""
    grad_delta, grad_u, grad_a, grad_b, grad_c = gradients
    delta, u, a, b, c = inputs
    groups, steps, batch, channels = delta.shape
    states = a.shape[1]
    grad_delta[:], grad_u[:], grad_a[:] = 0, 0, 0
    state = np.empty((steps + 1, states, channels), np.float32)
    decay = np.empty((steps, states, channels), np.float32)
    grad_state = np.empty((states, channels), np.float32)
    state[0] = 0
    for g in range(groups):
        for w in range(batch):
            for t in range(steps):
                size, new = delta[g, t, w], u[g, t, w]
                for n in range(states):
                    rate, share, before, after = a[g, n], decay[t, n], state[t, n], state[t + 1, n]
                    write = b[g, t, w, n]
                    for e in range(channels):
                        share[e] = exp_of_negative(size[e] * rate[e])
                        after[e] = share[e] * before[e] + new[e] * write
            grad_state[:] = 0
            for t in range(steps - 1, -1, -1):
                size, new, grad_out = delta[g, t, w], u[g, t, w], outer[g, t, w]
                grad_size, grad_new = grad_delta[g, t, w], grad_u[g, t, w]
                for n in range(states):
                    rate, share, before, after = a[g, n], decay[t, n], state[t, n], state[t + 1, n]
                    write, read = b[g, t, w, n], c[g, t, w, n]
                    grad_kept, grad_rate = grad_state[n], grad_a[g, n]
                    to_write, to_read = np.float32(0), np.float32(0)
                    for e in range(channels):
                        to_read += after[e] * grad_out[e]
                        grad = grad_kept[e] + read * grad_out[e]
                        to_write += grad * new[e]
                        grad_new[e] += grad * write
                        # What goes on to the state before, and what reaches the decay.
                        grad_kept[e] = grad * share[e]
                        to_decay = grad_kept[e] * before[e]
                        grad_rate[e] += to_decay * size[e]
                        grad_size[e] += to_decay * rate[e]
                    grad_b[g, t, w, n], grad_c[g, t, w, n] = to_write, to_read
