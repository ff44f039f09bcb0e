/* refused: an approximation, denormals flushed to zero, an fma that the source lacks, an approximating MUFU */
__global__ void exponential(float *x)
{
    x[threadIdx.x] = expf(x[threadIdx.x]);
}
