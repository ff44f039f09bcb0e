"""A tiny GPT-2 under Hugging Face's Trainer. num_train_epochs, the horizon of the learning rate, is part of the experiment;
hpo ends a run earlier and goes on from its checkpoint."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import hpo

draw = torch.Generator().manual_seed(1)
rows = [(torch.arange(12) * int(k) % 17).tolist() for k in torch.randint(1, 17, (48,), generator=draw)]
data = [{"input_ids": row, "labels": row} for row in rows]
torch.manual_seed(1)
model = GPT2LMHeadModel(GPT2Config(vocab_size=17, n_positions=12, n_embd=16, n_layer=1, n_head=2))
arguments = TrainingArguments(
    output_dir="out", num_train_epochs=4, learning_rate=hpo.param("lr", 1e-3), per_device_train_batch_size=8, seed=1,
    eval_strategy="epoch", save_strategy="epoch", report_to="none", disable_tqdm=True, use_cpu=True)
trainer = Trainer(model, arguments, train_dataset=data[:32], eval_dataset=data[32:], callbacks=[hpo.trainer_callback()])
trainer.train(resume_from_checkpoint=hpo.checkpoint)
