"""The bidirectional GRU against torch's own, on packed windows of unequal length."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dashsearch.training.encoders.gated_recurrence import gated_recurrence
from dashsearch.training.encoders.gru import BiGRU
from dashsearch.training.stacked.dropout import Dropout
from training.alone import Alone, arrays


def test_it_is_torchs_gru_with_a_projection():
    torch.manual_seed(0)
    size, lengths = 8, torch.tensor([6, 4, 1])
    encoder = BiGRU(size, 1, Dropout()).double()
    layer, ours = arrays(encoder.layers[0]), Alone(encoder)
    theirs = torch.nn.GRU(size, size, bidirectional=True, batch_first=True).double()
    # Ours has the update gate first, torch's the reset gate.
    order = [*range(size, 2 * size), *range(size), *range(2 * size, 3 * size)]
    with torch.no_grad():
        for direction, suffix in enumerate(("", "_reverse")):
            own = {
                name: torch.from_numpy(value)[direction]
                for name, value in layer.items()
                if "projection" not in name
            }
            getattr(theirs, f"weight_ih_l0{suffix}").copy_(own["input_weight"].t()[order])
            getattr(theirs, f"weight_hh_l0{suffix}").copy_(own["state_weight"].t()[order])
            getattr(theirs, f"bias_ih_l0{suffix}").copy_(own["input_bias"][0][order])
            bias = getattr(theirs, f"bias_hh_l0{suffix}")
            bias.zero_()
            bias[2 * size :] = own["new_bias"][0]
    x = torch.randn(3, 6, size, dtype=torch.float64)
    mask = torch.arange(6) < lengths[:, None]
    packed, _ = theirs(pack_padded_sequence(x, lengths, batch_first=True))
    states, _ = pad_packed_sequence(packed, batch_first=True)
    expected = Alone(encoder.layers[0].projection)(states)
    assert torch.allclose(ours(x, mask)[mask], expected[mask], atol=1e-12)


def test_a_masked_frame_inside_is_stepped_over():
    torch.manual_seed(1)
    encoder = Alone(BiGRU(8, 1, Dropout()).double())
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    mask = torch.tensor([[True, True, False, True, False, True]])
    without = encoder(x[:, mask[0]], torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(encoder(x, mask)[:, mask[0]], without, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_written_out_gradient_of_the_recurrence_is_right(steps):
    torch.manual_seed(2)
    shapes = ((2, steps, 3, 12), (2, 4, 12), (2, 1, 4))
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    hold = torch.zeros(2, steps, 3, 1, dtype=torch.float64)
    hold[0, 0, 1] = 1e4
    assert torch.autograd.gradcheck(lambda x, w, b: gated_recurrence(x, hold, w, b), inputs)
