"""The bidirectional GRU against torch's own, on packed windows of unequal length."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dashsearch.training.encoders.gru import BiGRU


def test_it_is_torchs_gru_with_a_projection():
    torch.manual_seed(0)
    size, lengths = 8, torch.tensor([6, 4, 1])
    ours = BiGRU(size).double()
    theirs = torch.nn.GRU(size, size, bidirectional=True, batch_first=True).double()
    with torch.no_grad():
        for direction, suffix in enumerate(("", "_reverse")):
            recurrent = torch.cat((ours.gates_weight[direction], ours.new_weight[direction]), dim=1)
            getattr(theirs, f"weight_ih_l0{suffix}").copy_(ours.input_weight[direction].t())
            getattr(theirs, f"weight_hh_l0{suffix}").copy_(recurrent.t())
            getattr(theirs, f"bias_ih_l0{suffix}").copy_(ours.input_bias[direction, 0])
            bias = getattr(theirs, f"bias_hh_l0{suffix}")
            bias.zero_()
            bias[2 * size :] = ours.new_bias[direction, 0]
    x = torch.randn(3, 6, size, dtype=torch.float64)
    mask = torch.arange(6) < lengths[:, None]
    packed, _ = theirs(pack_padded_sequence(x, lengths, batch_first=True))
    states, _ = pad_packed_sequence(packed, batch_first=True)
    expected = ours.projection(states)
    assert torch.allclose(ours(x, mask)[mask], expected[mask], atol=1e-12)


def test_a_masked_frame_inside_is_stepped_over():
    torch.manual_seed(1)
    encoder = BiGRU(8).double()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    mask = torch.tensor([[True, True, False, True, False, True]])
    without = encoder(x[:, mask[0]], torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(encoder(x, mask)[:, mask[0]], without, atol=1e-12)
