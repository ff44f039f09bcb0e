/* refused: an approximation, an approximating MUFU */
__global__ void exponential(float *x)
{
    x[threadIdx.x] = __expf(x[threadIdx.x]);
}
