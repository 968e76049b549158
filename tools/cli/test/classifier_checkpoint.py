"""A classifier as transformers saves it, of an encoder and a head that are given: classifier_checkpoint.py ENCODER HEAD OUTPUT"""

import glob
import os
import shutil
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

encoder, head, output = sys.argv[1:]
model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2, dtype=torch.float32)
tensors = load_file(head)
with torch.no_grad():
    model.classifier.weight.copy_(tensors["classifier.weight"])
    model.classifier.bias.copy_(tensors["classifier.bias"])
model.save_pretrained(output)
for file in glob.glob(os.path.join(encoder, "*token*")) + glob.glob(os.path.join(encoder, "vocab.txt")):
    shutil.copy(file, output)
