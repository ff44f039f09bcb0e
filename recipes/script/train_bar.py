"""PyTorch with a bar for each epoch, drawn again and again over itself. Nothing in here knows of hpo."""
import argparse

import torch
from torch import nn
from tqdm import tqdm

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--dropout", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=4)
options = parser.parse_args()

torch.manual_seed(0)
points = torch.randn(512, 2)
labels = (points.norm(dim=1) > 1.2).long()
net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(options.dropout), nn.Linear(16, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=options.lr, momentum=0.9)
for epoch in range(options.epochs):
    with tqdm(total=12, desc=f"Epoch {epoch}", mininterval=0) as bar:
        net.train()
        for at in range(0, 384, 32):
            loss = nn.functional.cross_entropy(net(points[at:at + 32]), labels[at:at + 32])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.set_postfix(loss=f"{loss.item():.3f}")
            bar.update()
        net.eval()
        with torch.no_grad():
            guess = net(points[384:])
            val_loss = nn.functional.cross_entropy(guess, labels[384:])
            val_acc = (guess.argmax(1) == labels[384:]).float().mean()
        bar.set_postfix(loss=f"{loss.item():.3f}", val_loss=f"{val_loss.item():.4f}", val_acc=f"{val_acc.item():.3f}")
torch.save(net.state_dict(), "net.pt")
