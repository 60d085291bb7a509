"""Tiny random models of the real classes, saved as the hub would deliver them."""

import torch
import transformers as t

from dashsearch import torchvision_shim

__all__ = ["FAMILIES", "save_model", "torchvision_shim"]

LAYERS = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
VISION = {**LAYERS, "image_size": 32, "patch_size": 8}
TEXT = {**LAYERS, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
SQUARE = {"height": 32, "width": 32}


def _dinov2():
    config = {name: value for name, value in VISION.items() if name != "intermediate_size"}
    processor = t.BitImageProcessor(size={"shortest_edge": 36}, crop_size=SQUARE)
    return t.Dinov2Model(t.Dinov2Config(**config)), processor


def _dinov3():
    config = t.DINOv3ViTConfig(**VISION, num_register_tokens=4)
    return t.DINOv3ViTModel(config), t.DINOv3ViTImageProcessor(size=SQUARE)


def _clip():
    config = t.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16)
    processor = t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE)
    return t.CLIPModel(config), processor


def _siglip2():
    """SigLIP 2 of fixed resolution is published in the form of SigLIP."""
    config = t.SiglipConfig(text_config=TEXT, vision_config=VISION)
    return t.SiglipModel(config), t.SiglipImageProcessor(size=SQUARE)


def _internvit():
    """InternViT is published inside InternVL, a model of pictures and words."""
    vision = {**VISION, "image_size": [32, 32], "patch_size": [8, 8]}
    text = {**TEXT, "model_type": "qwen2", "num_key_value_heads": 2}
    config = t.InternVLConfig(vision_config=vision, text_config=text, image_token_id=3)
    processor = t.GotOcr2ImageProcessor(size=SQUARE, crop_to_patches=False)
    return t.InternVLForConditionalGeneration(config), processor


def _vjepa2():
    config = t.VJEPA2Config(
        patch_size=8,
        crop_size=32,
        frames_per_clip=8,
        tubelet_size=2,
        hidden_size=32,
        num_attention_heads=2,
        num_hidden_layers=2,
        mlp_ratio=2,
        pred_hidden_size=16,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=2,
    )
    return t.VJEPA2Model(config), t.VJEPA2VideoProcessor(crop_size=32)


def _videomae():
    config = t.VideoMAEConfig(**VISION, num_frames=16, tubelet_size=2)
    processor = t.VideoMAEVideoProcessor(size={"shortest_edge": 32}, crop_size=SQUARE)
    return t.VideoMAEModel(config), processor


# Maker, what it takes, and the outputs that can be read.
FAMILIES = {
    "dinov2": (_dinov2, "frames", ("pooler", "cls", "mean_patch")),
    "dinov3": (_dinov3, "frames", ("pooler", "cls", "mean_patch")),
    "clip": (_clip, "frames", ("pooler", "cls", "mean_patch")),
    "siglip2": (_siglip2, "frames", ("pooler", "mean_patch")),
    "internvit": (_internvit, "frames", ("cls", "mean_patch")),
    "vjepa2": (_vjepa2, "windows", ("tubelet",)),
    "videomae": (_videomae, "windows", ("tubelet",)),
}


def save_model(name, folder):
    """Save a family's tiny model and its processor in <folder>/tiny/<name>; return both."""
    torch.manual_seed(0)
    make = FAMILIES[name][0]
    model, processor = make()
    model.eval().save_pretrained(folder / "tiny" / name)
    processor.save_pretrained(folder / "tiny" / name)
    return model, processor
