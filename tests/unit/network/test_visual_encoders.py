"""Networks: the same as their sources, any size, and right gradients in bfloat16 on the CPU."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from unseen.base.errors import UserError
from unseen.network.settings import FIXED_WIDTH
from unseen.network.visual_encoders import VISUAL_ENCODERS, PlanarConv3d
from unseen.network.zero_shot_network import build_network

KERNELS = [
    ((3, 1, 1), (1, 1, 1), (1, 0, 0)),
    ((3, 1, 1), (2, 1, 1), (1, 0, 0)),
    ((7, 1, 1), (2, 1, 1), (3, 0, 0)),
    ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    ((1, 1, 1), (2, 2, 2), (0, 0, 0)),
    ((3, 3, 3), (1, 1, 1), (1, 1, 1)),
    ((3, 7, 7), (1, 2, 2), (1, 3, 3)),
]
FRAMES = {"s3d": (8,), "c3d": (16,), "mvit_v2_s": (2, 4), "swin3d_t": (4,)}


def small(name: str, frames: int, crop: int = 32):
    torch.manual_seed(0)
    width = 64 if name in FIXED_WIDTH else 16
    return build_network(
        name, embedding_dim=5, frames=frames, crop=crop, width=width, dropout=0.0
    ).to(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize(("kernel", "stride", "padding"), KERNELS)
def test_planar_convolution_is_a_convolution(kernel, stride, padding, depth):
    torch.manual_seed(0)
    plain = nn.Conv3d(4, 6, kernel, stride, padding).double()
    planar = PlanarConv3d(4, 6, kernel, stride, padding).double()
    planar.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, depth, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(planar(x), plain(x))


@pytest.mark.parametrize(
    ("name", "frames"),
    [(name, frames) for name in VISUAL_ENCODERS for frames in FRAMES.get(name, (1, 2, 3, 4, 8))],
)
def test_bfloat16_gradients_agree_with_float32(name, frames):
    """Each convolution's weight gradient, at every temporal depth inside the network."""
    network = small(name, frames)
    passes = {}

    def keep(conv, inputs, output):
        passes[conv] = inputs[0], output
        return output.clone()  # what follows may write into it

    for part in network.modules():
        if isinstance(part, PlanarConv3d):
            part.register_forward_hook(keep)
    x = torch.randn(2, 3, frames, 32, 32).to(memory_format=torch.channels_last_3d)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(x).float().square().sum()
    convs = list(passes)
    outputs = [passes[conv][1] for conv in convs]
    gradients = torch.autograd.grad(
        loss, [*outputs, *(conv.weight for conv in convs)], retain_graph=True
    )
    again = torch.autograd.grad(loss, [conv.weight for conv in convs])
    for index, conv in enumerate(convs):
        found = gradients[len(convs) + index]
        assert torch.equal(found, again[index])
        wanted = torch.nn.grad.conv3d_weight(
            passes[conv][0].detach().bfloat16().float(),
            conv.weight.shape,
            gradients[index].float(),
            conv.stride,
            conv.padding,
            groups=conv.groups,
        )
        scale = wanted.norm() + 1e-12
        assert (found.float() - wanted).norm() / scale < 0.02, conv


@pytest.mark.parametrize("name", ["r2plus1d_18", "r3d_18", "mc3_18", "s3d", "swin3d_t"])
def test_torchvision_weights_give_torchvision_outputs(name):
    torch.manual_seed(1)
    reference = torchvision.models.get_model(name).eval()
    head = "classifier" if name == "s3d" else "head" if name == "swin3d_t" else "fc"
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith(f"{head}.")}
    setattr(reference, head, nn.Identity())
    size = 224 if name == "s3d" else 48
    ours = build_network(name, embedding_dim=None, frames=16, crop=size).eval()
    ours.visual_encoder.load_state_dict(state)
    x = torch.randn(1, 3, 16, size, size)
    with torch.no_grad():
        torch.testing.assert_close(ours.features(x), reference(x), atol=1e-4, rtol=1e-3)


@pytest.mark.long
def test_mvit_of_its_own_size_is_torchvisions():
    torch.manual_seed(1)
    reference = torchvision.models.video.mvit_v2_s().eval()
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith("head.")}
    reference.head = nn.Identity()
    ours = build_network("mvit_v2_s", embedding_dim=None, frames=16, crop=224).eval()
    ours.visual_encoder.load_state_dict(state)
    x = torch.randn(1, 3, 16, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours.features(x), reference(x), atol=1e-4, rtol=1e-3)


def test_c3d_is_that_of_its_paper():
    network = build_network("c3d", embedding_dim=5, width=8, dropout=0.0).eval()
    own = network.visual_encoder
    layers = [nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2), (1, 2, 2))]
    layers += [nn.Conv3d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2, 2)]
    for inputs, outputs, padding in ((16, 32, 0), (32, 64, 0), (64, 64, (0, 1, 1))):
        layers += [nn.Conv3d(inputs, outputs, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv3d(outputs, outputs, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool3d(2, 2, padding=padding)]
    plain = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 1 * 4 * 4, 512), nn.ReLU())
    plain.load_state_dict(dict(zip(plain.state_dict(), own.state_dict().values(), strict=True)))
    x = torch.randn(1, 3, 16, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(own(x), plain(x), atol=1e-5, rtol=1e-4)


def test_c3d_starts_as_the_authors_does_unless_it_is_told_to_as_he():
    """PyTorch draws weights and biases evenly within 1 / sqrt(inputs), He the weights alone."""

    def drawn(**settings: str) -> nn.Module:
        torch.manual_seed(0)
        network = build_network("c3d", embedding_dim=5, width=8, **settings)
        return network.visual_encoder.conv2

    torch.manual_seed(0)
    first = nn.Conv3d(3, 8, 3)
    second = nn.Conv3d(8, 16, 3)
    assert torch.equal(drawn().weight, second.weight) and torch.equal(drawn().bias, second.bias)
    assert first.weight.abs().max() <= (3 * 27) ** -0.5
    he = drawn(c3d_start="he")
    assert not he.bias.any()
    assert he.weight.std().item() == pytest.approx((2 / (16 * 27)) ** 0.5, rel=0.1)


@pytest.mark.parametrize("name", VISUAL_ENCODERS)
def test_other_sizes_pass(name):
    network = small(name, frames=16, crop=56).eval()
    with torch.no_grad():
        embedding = network(torch.randn(2, 3, 16, 56, 56))
    assert embedding.shape == (2, 5)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_snippets_are_averaged_before_f_s():
    network = small("r2plus1d_10", 4).eval()
    x = torch.randn(2, 3, 3, 4, 32, 32)
    with torch.no_grad():
        features = torch.stack([network.visual_encoder(x[:, t]) for t in range(3)]).mean(0)
        linear = network.semantic_encoder.projection
        wanted = F.normalize(features @ linear.weight.T + linear.bias, dim=1)
        torch.testing.assert_close(network(x), wanted)


def test_mistakes_are_named():
    with pytest.raises(UserError, match="resnet"):
        build_network("resnet", embedding_dim=5)
    with pytest.raises(UserError, match="width"):
        build_network("s3d", embedding_dim=5, width=32)
    with pytest.raises(UserError, match="16 frames"):
        build_network("c3d", embedding_dim=5, frames=8)
