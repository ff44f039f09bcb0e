"""A small network in plain PyTorch. The checkpoint has the random state beside weights and optimizer, so that dropout and
the order of the data go on as if there had been no break."""
import os

import torch
from torch import nn

import hpo

torch.manual_seed(1)
torch.set_num_threads(1)
x = torch.randn(256, 8)
y = (x[:, :1] * x[:, 1:2] + x[:, 2:3]).tanh()
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(hpo.param("dropout", 0.1)), nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters())
if hpo.checkpoint:
    state = torch.load(os.path.join(hpo.checkpoint, "state.pt"))
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
for group in optimizer.param_groups:  # behind loading: an exploit changes it on the way
    group["lr"] = hpo.param("lr", 1e-2)


def save(folder):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state()},
               os.path.join(folder, "state.pt"))


for t in hpo.steps(6):
    model.train()
    for batch in torch.randperm(192).split(32):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        loss = nn.functional.mse_loss(model(x[192:]), y[192:])
    hpo.report(loss=loss, checkpoint=save)
